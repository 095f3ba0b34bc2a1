"""The parameters of every run notebook: names, types, defaults, and what each value means."""

from typing import ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from proxylab.parameters import RunParameters

# Of the world the first three, of real text the others.
ConflictTask = Literal["safety", "helpfulness", "questions", "harmless", "helpful"]


class BuildWorld(RunParameters):
    """Train the base policy and the proxy of one controlled world and check the world."""

    notebook: ClassVar[str] = "build_world"


class Clean(RunParameters):
    """Relabel preference data and sort it into the six categories."""

    notebook: ClassVar[str] = "clean"

    data: str = "world"  # "world", "hh-rlhf" (the folder of PROXYLAB_DATA), "hub", or a folder
    annotators: str = "simulated"  # "simulated" (world only), "committee", or a votes file
    n_annotators: int = Field(default=4, ge=1)  # simulated ones
    annotator_temperature: float = Field(default=0.3, ge=0)  # gold-reward units
    rule: Literal["majority", "three_quarters"] = "majority"


class TrainRewardModel(RunParameters):
    """Train a reward model on raw or cleaned pairs and measure it on every test set."""

    notebook: ClassVar[str] = "train_reward_model"

    data: str = "world"
    train_on: Literal["raw", "cleaned"] = "raw"
    annotators: str = "simulated"  # whose categories make the cleaned sets
    fraction: float = Field(default=1.0, gt=0, le=1)  # of the training pairs


class MeasureRulers(RunParameters):
    """Measure what needs no reward model: random, longest, shortest, TF-IDF, and gold."""

    notebook: ClassVar[str] = "measure_rulers"

    data: str = "world"
    annotators: str = "simulated"


class SimulateConflict(RunParameters):
    """What the conflict metrics say of Gaussian proxies and policies that know a stated amount."""

    notebook: ClassVar[str] = "simulate_conflict"

    n_prompts: int = Field(default=40_000, ge=100)
    n_samples: int = Field(default=8, ge=2)


class MeasureConflict(RunParameters):
    """Measure whether conflict says where the proxy is wrong, without buying a label."""

    notebook: ClassVar[str] = "measure_conflict"

    data: str = "world"  # "world", "hh-rlhf" (the folder of PROXYLAB_DATA), "hub", or a folder
    task: ConflictTask = "safety"  # of text "harmless" or "helpful"; else its published labels


class ShfCas(RunParameters):
    """Spend a labelling budget by each selector in turn, refit the proxy, and measure what came."""

    notebook: ClassVar[str] = "shf_cas"

    data: str = "world"  # "world", "hh-rlhf" (the folder of PROXYLAB_DATA), "hub", or a folder
    task: ConflictTask = "safety"  # of text "harmless" or "helpful"
    selectors: tuple[str, ...] = ()  # none named: every selector there is
    rounds: int = Field(default=0, ge=0)  # 0: as the profile says
    budget: int = Field(default=0, ge=0)  # labelled completions in all; 0: as the profile says
    annotator: str = "gold"  # "gold", "noisy", or a votes file
    annotator_noise: float = Field(default=0.0, ge=0, validate_default=True)  # gold-reward units
    logprob: Literal["sum", "per_token", "length_residual"] = "sum"
    refit: Literal["warm", "scratch"] = "warm"  # from the proxy, or from the backbone as the paper
    faults: tuple[str, ...] = ()  # of the released code, together; "each": one after the other

    @field_validator("annotator_noise")
    @classmethod
    def _noise_of_noisy(cls, noise: float, info: ValidationInfo) -> float:
        annotator = info.data.get("annotator", "")
        if annotator == "noisy" and noise == 0:
            raise ValueError("must be above 0 where annotator is noisy")
        if annotator != "noisy" and noise > 0:
            raise ValueError(f"is of annotator=noisy alone, and annotator is {annotator!r}")
        return noise


class Align(RunParameters):
    """Align the base policy by one algorithm, once for every proxy or set of labels."""

    notebook: ClassVar[str] = "align"

    algorithm: Literal["sft", "dpo", "pro", "ppo", "best_of_n", "reweighting"] = "ppo"
    data: str = "world"  # "world", "hh-rlhf" (the folder of PROXYLAB_DATA), "hub", or a folder
    task: Literal["mixed"] | ConflictTask = "mixed"  # mixed: the prompts of the pairs
    labels: tuple[str, ...] = ()  # sft, dpo: "raw", "raw_as_few", "cleaned", "by_proxy"
    proxies: tuple[str, ...] = ()  # "raw", "cleaned", "raw@0.1", "raw-small", "strong", "task", ...
    biases: tuple[str, ...] = ("none",)  # of the proxies: "none", "length_bias=0.2", ...
    betas: tuple[float, ...] = ()  # KL coefficients of dpo and ppo; none named: the profile's
    sizes: tuple[str, ...] = ("standard",)  # of the policy: "standard", "small"
    leave_out: tuple[str, ...] = ()  # topics of the world that the policy's training does not see


class VerifyOptimisers(RunParameters):
    """Run the optimisers on a problem whose exact optimum is known, and measure the distance."""

    notebook: ClassVar[str] = "verify_optimisers"

    betas: tuple[float, ...] = (0.5, 1.0)  # KL coefficients, reward units a nat
    n_pairs: int = Field(default=4_000, ge=10)  # Bradley-Terry pairs that DPO learns from
    n_steps: int = Field(default=100, ge=1)  # of PPO


class MeasureScores(RunParameters):
    """Measure reward models whose scores come as a file."""

    notebook: ClassVar[str] = "measure_scores"
    result_version: ClassVar[int] = 2  # since then also power, errors, committees, gaps

    scores: str = "judgebench"  # "judgebench" (in the folder of PROXYLAB_DATA)


class MeasureAgreement(RunParameters):
    """Agreement between real annotators, and the paper's rules applied to their votes."""

    notebook: ClassVar[str] = "measure_agreement"

    votes: Literal["pandalm", "ukpconvarg1"] = "pandalm"


class MeasureCorrelation(RunParameters):
    """Correlate proxies with what people say: of responses in the world, or of real pairs."""

    notebook: ClassVar[str] = "measure_correlation"

    data: Literal["world", "pandalm", "ukpconvarg1"] = "world"  # of people's scores or votes
    n_people: int = Field(default=3, ge=2)  # simulated ones, who score responses of the world
    annotator_temperature: float = Field(default=0.3, ge=0)  # their noise, gold-reward units
    n_shards: int = Field(default=5, ge=2)  # of each test subset, in the world


class AggregateVotes(RunParameters):
    """Aggregate votes by models of the annotators, and what each does to the six categories."""

    notebook: ClassVar[str] = "aggregate_votes"
    result_version: ClassVar[int] = 2  # since then people's intervals redraw what pairs share

    votes: Literal["world", "pandalm", "ukpconvarg1"] = "world"


class Judge(RunParameters):
    """Let a judge compare the replies of policies with the data's."""

    notebook: ClassVar[str] = "judge"

    data: str = "world"  # "world", "hh-rlhf" (the folder of PROXYLAB_DATA), "hub", or a folder
    n_pairs: int = Field(default=0, ge=0)  # a policy; 0: as the profile says
    endpoint: str = "simulated"  # or the base_url of an OpenAI-compatible endpoint
    model: str = ""  # of the endpoint
    api_key_env: str = "OPENAI_API_KEY"  # the environment variable that holds the key
    both_orders: bool = True
    options: tuple[str, ...] = ()  # "max_requests=600", "price_in=2.5", "temperature=1", ...
    noise: float = Field(default=0.3, ge=0)  # of the simulated judge, gold-reward units
    position_bias: float = 0.5  # likewise, for the first place
    garbage_rate: float = Field(default=0.02, ge=0, le=1)


class Audit(RunParameters):
    """Audit proxies as they are and with injected biases: report cards, detection, calibration."""

    notebook: ClassVar[str] = "audit"
    result_version: ClassVar[int] = 2  # since then one pair a prompt, and no interval of ECE

    data: str = "world"  # "world", "hh-rlhf" (the folder of PROXYLAB_DATA), "hub", or a folder
    proxies: tuple[str, ...] = ()  # "gold", "task", "raw", a folder, ...; none named: the data's
    biases: tuple[str, ...] = ()  # "length_bias=0.2", ...; none named: the profile's, in the world
    probes: Literal["auto", "world", "english"] = "auto"  # auto: what the proxy can read


class MeasureCost(RunParameters):
    """Time steps of training, generating and scoring on this machine, at several sizes."""

    notebook: ClassVar[str] = "measure_cost"

    hidden_sizes: tuple[int, ...] = (64, 128, 256)
    n_layers: int = Field(default=2, ge=1)
    head_size: int = Field(default=32, ge=8)
    vocabulary: int = Field(default=2048, ge=8)
    batch_sizes: tuple[int, ...] = (8, 32)
    length: int = Field(default=128, ge=8)  # tokens of a sequence, prompt and reply
    new_tokens: int = Field(default=32, ge=1)  # of a completion
    n_repeats: int = Field(default=5, ge=1)


class Benchmark(RunParameters):
    """Time our ways beside others, how cost grows, tokens a second, and a batch by stage."""

    notebook: ClassVar[str] = "benchmark"

    what: tuple[str, ...] = ()  # "conflict", "scoring", "generation", "ppo", ...; none named: all
    repeats: int = Field(default=7, ge=2)
    quick: bool = False  # small sizes, to see that it works
