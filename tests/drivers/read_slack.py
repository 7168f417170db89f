"""Slack's own models read what the product sends to Slack. One line of JSON in, one line of what was read out.

In: `messages` and `views`, each with a name and a body. A block that the models do not know, a field that they do not
give back, and whatever their validators refuse ends the program with an error.
"""

import collections
import copy
import json
import sys

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block, ConfirmObject, Option
from slack_sdk.models.views import View

# slack_sdk 3.48 has no model of charts yet; they are counted and left out.
UNKNOWN = {"data_visualization"}


def same(name, sent, given):
    """Each field comes back as it was sent, and none comes in addition."""
    if isinstance(sent, dict) and isinstance(given, dict):
        missing = set(sent) ^ set(given)
        assert not missing, f"{name}: {sorted(missing)} is on one side only, of {json.dumps(sent)[:300]}"
        for key, value in sent.items():
            same(f"{name}.{key}", value, given[key])
    elif isinstance(sent, list) and isinstance(given, list):
        assert len(sent) == len(given), f"{name}: {len(sent)} were sent, {len(given)} were read"
        for at, (one, other) in enumerate(zip(sent, given)):
            same(f"{name}[{at}]", one, other)
    else:
        assert type(sent) is type(given) and sent == given, f"{name}: {sent!r} became {given!r}"


def parts(name, sent):
    """Options and confirmations, which the models of their elements leave as they came."""
    if isinstance(sent, list):
        for one in sent:
            parts(name, one)
    elif isinstance(sent, dict):
        kind = {("text", "value"): Option, ("confirm", "deny", "text", "title"): ConfirmObject}
        model = kind.get(tuple(sorted(set(sent) - {"style"})))
        if model:
            same(name, sent, model(**copy.deepcopy(sent)).to_dict())
        for one in sent.values():
            parts(name, one)


def blocks(name, sent, most):
    """Reads blocks; gives how many of each type."""
    assert 1 <= len(sent) <= most, f"{name}: {len(sent)} blocks"
    known = [block for block in sent if block["type"] not in UNKNOWN]
    parsed = Block.parse_all(copy.deepcopy(known))
    assert None not in parsed and len(parsed) == len(known), f"{name}: a block of a type that the models do not know"
    for at, (block, model) in enumerate(zip(known, parsed)):
        model.validate_json()
        same(f"{name} block {at}", block, model.to_dict())
        parts(f"{name} block {at}", block)
    return collections.Counter(block["type"] for block in sent)


def view(name, sent):
    found = blocks(name, sent["blocks"], 100)
    model = View(**copy.deepcopy(sent))
    model.validate_json()
    assert not model.additional_attributes, f"{name}: {sorted(model.additional_attributes)} is no field of a view"
    same(name, sent, model.to_dict())
    return found


def refused(read, *asked):
    try:
        read(*asked)
    except (SlackObjectFormationError, AssertionError):
        return True
    return False


def must_refuse():
    """The same reading refuses what is wrong: else it would prove nothing."""
    plain = lambda text: {"type": "plain_text", "text": text, "emoji": False}
    button = lambda words: {"type": "button", "action_id": "approve", "value": "k", "text": plain(words)}
    actions = lambda elements: {"type": "actions", "elements": elements}
    overflow = lambda words: {"type": "overflow", "action_id": "more", "options": [{"text": plain(words), "value": "v"}]}
    confirm = {"title": plain("t"), "text": plain("x" * 301), "confirm": plain("y"), "deny": plain("n")}
    rich = lambda piece: {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [piece]}]}
    bad = [
        {"type": "section", "text": plain("x" * 3001)},
        {"type": "header", "text": plain("x" * 151)},
        {"type": "hologram"},
        {"type": "divider", "colour": "red"},
        actions([button("x" * 76)]),
        actions([button("x") for _ in range(26)]),
        actions([{**button("x"), "style": "green"}]),
        actions([{**button("x"), "confirm": confirm}]),
        actions([overflow("x" * 76)]),
        rich({"type": "text", "text": "x", "colour": "red"}),
        rich({"type": "hologram"}),
        {"type": "image", "alt_text": "x" * 2001, "slack_file": {"id": "F1"}},
    ]
    for block in bad:
        assert refused(blocks, "bad", [block], 50), f"taken: {json.dumps(block)[:200]}"
    modal = {"type": "modal", "title": plain("t"), "blocks": [{"type": "divider"}]}
    assert not refused(view, "good", modal)
    for wrong in [{"title": plain("x" * 25)}, {"private_metadata": "x" * 3001}, {"colour": "red"}, {"type": "home", "submit": plain("x")}]:
        assert refused(view, "bad", {**modal, **wrong}), f"taken: {wrong}"
    assert refused(blocks, "bad", [{"type": "divider"}] * 51, 50)


must_refuse()
asked = json.loads(sys.stdin.readline())
total = collections.Counter()
for name, message in asked["messages"]:
    assert 1 <= len(message["text"]) <= 4_000, f"{name}: no words for notifications, or too many"
    total += blocks(name, message["blocks"], 50)
for name, body in asked["views"]:
    total += view(name, body)
read = {"messages": len(asked["messages"]), "views": len(asked["views"]), "blocks": total}
print(json.dumps(read), flush=True)
