"""The implementation details that decide whether PPO works, each numbered, with source and place.

After Huang et al. 2022, *The 37 implementation details of PPO* (ICLR blog track), and Huang et al.
2024, *The N+ implementation details of RLHF with PPO* (arXiv 2403.17031). Comments and docstrings
of this package say "detail n" where n is done; a test holds the two together.
"""

from typing import NamedTuple

HUANG_2022 = "Huang et al. 2022 (37 details)"
HUANG_2024 = "Huang et al. 2024, arXiv 2403.17031"
OUYANG = "Ouyang et al. 2022, arXiv 2203.02155"
SCHULMAN = "Schulman et al. 2017, arXiv 1707.06347"
STIENNON = "Stiennon et al. 2020, arXiv 2009.01325"
ZIEGLER = "Ziegler et al. 2019, arXiv 1909.08593"


class Detail(NamedTuple):
    """One detail: `where` names the module (of this package, or of the library), `setting` the
    field of `PPOSettings` that holds its default, "" where there is no choice.
    """

    number: int
    what: str
    source: str
    where: str
    setting: str = ""


DETAILS = tuple(
    Detail(number, *row)
    for number, row in enumerate(
        [
            (
                "the KL penalty is a part of each token's reward: -beta times the log-ratio to the "
                "reference of the token drawn; not a term of the loss",
                f"{ZIEGLER}, equation 2",
                "advantages",
                "beta",
            ),
            ("a fixed KL coefficient", OUYANG, "kl_control", "kl_control"),
            (
                "or one that a proportional controller steers to a target KL, its relative error "
                "clipped to 0.2",
                f"{ZIEGLER}, section 2.2",
                "kl_control",
                "target_kl",
            ),
            ("the score counts at the response's last token only", ZIEGLER, "advantages"),
            (
                "a response without its end token may cost something",
                f"{HUANG_2024}: there its score becomes -1",
                "scores",
                "missing_end_penalty",
            ),
            (
                "scores may be scaled by those of the reference's first rollouts, and clipped",
                f"{ZIEGLER}, section 2.1; {STIENNON}; clipped: {HUANG_2022}, continuous 9",
                "scores",
                "score_scale",
            ),
            (
                "the value function has a trunk of its own, a copy of the policy's (a proxy need "
                "be no network, so it cannot start from the reward model), and a head at 0",
                f"{STIENNON}; {HUANG_2024} start it from the reward model",
                "value",
                "value",
            ),
            (
                "generalised advantage estimation without discount; nothing follows the last "
                "token, nor a response that ran out of length",
                f"Schulman et al. 2016, arXiv 1506.02438; {ZIEGLER}",
                "advantages",
                "trace",
            ),
            (
                "advantages are whitened over all response tokens of the step, not by minibatch",
                HUANG_2024,
                "advantages",
                "whiten_advantages",
            ),
            (
                "token rewards may be whitened, their mean kept",
                HUANG_2024,
                "advantages",
                "whiten_rewards",
            ),
            ("clipped ratio", f"{SCHULMAN}, equation 7", "losses", "clip_range"),
            ("clipped value", f"{HUANG_2022}, core 9", "losses", "value_clip"),
            (
                "one loss for policy and value function, the latter at a tenth",
                f"{SCHULMAN}, equation 9; {ZIEGLER}",
                "learner",
                "value_weight",
            ),
            ("an entropy bonus may be added", f"{SCHULMAN}, eq. 9", "learner", "entropy_weight"),
            (
                "several passes in minibatches that are drawn anew; what the policy said at the "
                "rollout is taken by the code of the update in the minibatches of the first pass, "
                "not from the sampler: the first ratio is 1, bit for bit",
                f"{HUANG_2024}; {HUANG_2022}, core 6",
                "learner",
                "inner_epochs",
            ),
            (
                "passes may end early at an approximate KL to the policy of the rollouts",
                f"{HUANG_2022}, auxiliary; J. Schulman, Approximating KL divergence (2020)",
                "learner",
                "max_approximate_kl",
            ),
            (
                "the log-ratio may be limited, against one token's overflow",
                "verl limits it to 20; TRL's first PPOTrainer skipped minibatches whose mean ratio "
                "was above 10",
                "losses",
                "log_ratio_limit",
            ),
            ("Adam with epsilon 1e-5", f"{HUANG_2022}, core 3", "settings", "optimiser"),
            ("the learning rate falls to 0", f"{HUANG_2022}, core 4", "settings", "optimiser"),
            (
                "one limit to the gradient's norm, of policy and value function together",
                f"{HUANG_2022}, core 11: 0.5",
                "settings",
                "optimiser",
            ),
            ("no dropout anywhere", HUANG_2024, "learner"),
            (
                "rollouts at temperature 1 without top-k or top-p: what is sampled is the policy "
                "whose log-probabilities are taken",
                f"{HUANG_2024}: 0.7, in both",
                "rollouts",
            ),
            (
                "losses are means over the response tokens of a minibatch; prompts and padding do "
                "not count, a long response counts more",
                HUANG_2024,
                "learner",
            ),
            ("prompts: all once, in a new order, before any again", HUANG_2024, "rollouts"),
        ],
        start=1,
    )
)
