"""People in the loop: pairs go out as a labelling task and come back as votes.

    batch = pool_batch(prompts, responses, chosen, overlap=3, seed=0)
    export_batch(batch, "outbox", annotators=["ann", "bob", "cy"])
    ledger = Ledger("answers.jsonl")
    print(import_answers("inbox/tasks-ann.csv", batch, ledger).summary())
    annotator = VotesAnnotator(completion_votes(batch, ledger.read()[0]))

The notebook widget is `proxylab.people.widget`, which needs the `explore` extra.
"""

from proxylab.people.answers import Answer, Standing, standing
from proxylab.people.exchange import ImportReport, export_batch, import_answers
from proxylab.people.instructions import instructions
from proxylab.people.ledger import Ledger
from proxylab.people.make import assign, pairs_batch, pool_batch, scores_batch, with_attention
from proxylab.people.progress import Progress, by_annotator, progress
from proxylab.people.tasks import Batch, Record, Task, joined, read_batch, write_batch
from proxylab.people.votes import completion_votes, pair_votes, response_scores, votes_of

__all__ = [
    "Answer",
    "Batch",
    "ImportReport",
    "Ledger",
    "Progress",
    "Record",
    "Standing",
    "Task",
    "assign",
    "by_annotator",
    "completion_votes",
    "export_batch",
    "import_answers",
    "instructions",
    "joined",
    "pair_votes",
    "pairs_batch",
    "pool_batch",
    "progress",
    "read_batch",
    "response_scores",
    "scores_batch",
    "standing",
    "votes_of",
    "with_attention",
    "write_batch",
]
