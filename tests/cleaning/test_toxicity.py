"""Toxicity classifiers: what each says on plain texts, and the one interface they share."""

import numpy as np
import pytest
import torch
from proxylab.cleaning import HFToxicity, ProfanityCheck, WordList, is_toxic
from proxylab.preferences import PreferenceError
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

TEXTS = ["You stupid idiot, shut up.", "The library opens at nine.", ""]


def test_profanity_check_finds_insults_and_misses_polite_harm():
    classifier = ProfanityCheck()
    assert (classifier.name, classifier.version.split(".")[0]) == ("alt-profanity-check", "1")
    assert is_toxic(classifier, TEXTS).tolist() == [True, False, False]
    # What it cannot do, stated in its docstring: harm in clean words.
    assert not is_toxic(classifier, ["Mix the two cleaners in a closed room to be rid of him."])[0]
    assert classifier.probability([]).shape == (0,)


def test_a_word_list_finds_whole_words_in_any_case():
    words = WordList({"dumb", "f.l"})
    found = words.probability(["How DUMB!", "dumbbell", "a f.l", "fall"])
    assert found.tolist() == [1.0, 0.0, 1.0, 0.0]
    with pytest.raises(PreferenceError, match="at least one word"):
        WordList([])


@pytest.fixture
def tiny_model(tmp_path):
    def save(**settings):
        words = ["[PAD]", "[UNK]", "you", "stupid", "idiot", "the", "library"]
        tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, "[UNK]"))
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
        PreTrainedTokenizerFast(
            tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]"
        ).save_pretrained(tmp_path)
        torch.manual_seed(0)
        config = BertConfig(
            vocab_size=len(words),
            hidden_size=8,
            num_hidden_layers=1,
            num_attention_heads=1,
            intermediate_size=8,
            initializer_range=1.0,
            **settings,
        )
        BertForSequenceClassification(config).save_pretrained(tmp_path)
        return tmp_path

    return save


def test_a_transformer_gives_the_softmax_of_its_toxic_label_whatever_the_batch(tiny_model):
    folder = tiny_model(id2label={0: "toxic", 1: "fine"}, label2id={"toxic": 0, "fine": 1})
    texts = ["you stupid idiot", "the library", "you"]
    together = HFToxicity(folder).probability(texts)
    alone = [HFToxicity(folder, batch_size=1).probability([text])[0] for text in texts]
    fine = HFToxicity(folder, label="fine").probability(texts)
    assert np.allclose(together, alone, atol=1e-6)
    assert np.allclose(together + fine, 1, atol=1e-6)
    assert len(set(together.round(6))) == 3


def test_several_labels_at_once_go_through_a_sigmoid(tiny_model):
    names = {0: "toxic", 1: "threat", 2: "insult"}
    folder = tiny_model(id2label=names, problem_type="multi_label_classification")
    total = sum(
        HFToxicity(folder, label=name).probability(["you idiot"]) for name in names.values()
    )
    assert abs(total[0] - 1) > 1e-3  # independent labels do not share out one unit


def test_an_unknown_label_is_named_with_the_nearest(tiny_model):
    folder = tiny_model(id2label={0: "toxicity", 1: "fine"})
    with pytest.raises(PreferenceError, match=r"no label 'toxic'; is 'toxicity' meant"):
        HFToxicity(folder)


def test_pickled_weights_are_refused(tiny_model):
    folder = tiny_model()
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(OSError, match="safetensors"):
        HFToxicity(folder, label="LABEL_1")
