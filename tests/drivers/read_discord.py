"""discord.py reads what the product sends to Discord. One line of JSON in, one line of what was read out.

In: `messages` and `modals`, each with a name and a body. Discord's models, not Discord: it knows types, fields and how
much fits into a row, and few lengths; those are looked at here as Discord's reference has them.
"""

import asyncio
import collections
import copy
import json
import sys
import types

import discord
from discord.components import _component_factory

# In its order: title, description, a field's name and value, the footer, everything together.
TITLE, DESCRIPTION, NAME, VALUE, FOOTER, EMBED = 256, 4_096, 256, 1_024, 2_048, 6_000


def same(name, sent, given):
    """Each field comes back as it was sent; what the models add of their own accord says nothing."""
    if isinstance(sent, dict) and isinstance(given, dict):
        for key, value in sent.items():
            assert key in given, f"{name}.{key} is not a field that discord.py knows"
            same(f"{name}.{key}", value, given[key])
        for key in set(given) - set(sent):
            assert given[key] in (None, False, [], 0, "", "rich"), f"{name}.{key}: {given[key]!r} was not sent"
    elif isinstance(sent, list) and isinstance(given, list):
        assert len(sent) == len(given), f"{name}: {len(sent)} were sent, {len(given)} were read"
        for at, (one, other) in enumerate(zip(sent, given)):
            same(f"{name}[{at}]", one, other)
    else:
        assert type(sent) is type(given) and sent == given, f"{name}: {sent!r} became {given!r}"


def embed(name, sent):
    model = discord.Embed.from_dict(copy.deepcopy(sent))
    same(name, sent, model.to_dict())
    assert len(model) <= EMBED and len(model.title or "") <= TITLE, f"{name} is too long"
    assert len(model.description or "") <= DESCRIPTION and len(model.footer.text or "") <= FOOTER, f"{name} is too long"
    assert len(model.fields) <= 25, f"{name} has too many fields"
    for field in model.fields:
        assert 1 <= len(field.name) <= NAME and 1 <= len(field.value) <= VALUE, f"{name}: a field is too long"


def components(name, sent):
    """Rows, as a view on which somebody presses; gives how many parts of each type."""
    models = [_component_factory(copy.deepcopy(row)) for row in sent]
    assert all(models), f"{name}: a part of a type that discord.py does not know"
    for at, (row, model) in enumerate(zip(sent, models)):
        same(f"{name} row {at}", row, model.to_dict())
    # This counts what fits into a row, and how many rows there may be.
    view = discord.ui.View.from_message(types.SimpleNamespace(components=models), timeout=None)
    same(name, sent, view.to_components())
    parts = [part for row in sent for part in row["components"]]
    ids = [part["custom_id"] for part in parts if "custom_id" in part]
    assert len(ids) == len(set(ids)) and all(1 <= len(one) <= 100 for one in ids), f"{name}: a custom_id twice, or too long"
    assert all(1 <= len(part["label"]) <= 80 for part in parts if part["type"] == 2), f"{name}: a label is too long"
    return collections.Counter(discord.ComponentType(part["type"]).name for part in parts)


def message(name, sent):
    assert len(sent["content"]) <= 2_000 and (sent["content"] or sent["embeds"]), f"{name}: no words, or too many"
    assert len(sent["embeds"]) <= 10, f"{name}: too many embeds"
    assert sum(len(discord.Embed.from_dict(one)) for one in sent["embeds"]) <= EMBED, f"{name}: embeds are too long"
    for at, one in enumerate(sent["embeds"]):
        embed(f"{name} embed {at}", one)
    return components(name, sent["components"])


def modal(name, sent):
    assert 1 <= len(sent["title"]) <= 45 and 1 <= len(sent["custom_id"]) <= 100, f"{name}: title or custom_id"
    assert 1 <= len(sent["components"]) <= 5, f"{name}: too many fields"
    made = discord.ui.Modal(title=sent["title"], custom_id=sent["custom_id"], timeout=None)
    for at, row in enumerate(sent["components"]):
        model = _component_factory(copy.deepcopy(row))
        same(f"{name} row {at}", row, model.to_dict())
        (field,) = model.children
        assert 1 <= len(field.label) <= 45 and len(field.placeholder or "") <= 100, f"{name}: a label is too long"
        assert len(field.value or "") <= field.max_length <= 4_000, f"{name}: more is filled in than may be"
        made.add_item(discord.ui.TextInput.from_component(field))
    same(name, sent["components"], made.to_dict()["components"])
    return collections.Counter(text=len(sent["components"]))


def refused(read, *asked):
    try:
        read(*asked)
    except (AssertionError, ValueError, TypeError, KeyError, AttributeError):
        return True
    return False


def must_refuse():
    """The same reading refuses what is wrong: else it would prove nothing."""
    button = lambda at, **more: {"type": 2, "style": 1, "label": "x", "custom_id": f"b{at}", **more}
    row = lambda parts: {"type": 1, "components": parts}
    card = {"content": "x", "embeds": [{"title": "x"}], "components": [row([button(0)])]}
    assert not refused(message, "good", card)
    bad = [
        {"content": "x" * 2_001},
        {"embeds": [{"title": "x" * 257}]},
        {"embeds": [{"description": "x" * 4_097}]},
        {"embeds": [{"title": "x", "tint": 1}]},
        {"embeds": [{"fields": [{"name": "x", "value": "x" * 1_025, "inline": False}]}]},
        {"components": [row([button(at) for at in range(6)])]},
        {"components": [row([button(at)]) for at in range(6)]},
        {"components": [row([button(0), button(0)])]},
        {"components": [row([button(0, label="x" * 81)])]},
        {"components": [row([button(0, colour="red")])]},
        {"components": [{"type": 99}]},
    ]
    for wrong in bad:
        assert refused(message, "bad", {**card, **wrong}), f"taken: {json.dumps(wrong)[:200]}"
    field = {"type": 4, "custom_id": "a", "label": "x", "style": 1, "required": True, "max_length": 100}
    form = {"title": "x", "custom_id": "deny|k", "components": [row([field])]}
    assert not refused(modal, "good", form)
    for wrong in [{"title": "x" * 46}, {"components": [row([field])] * 6}, {"components": [row([{**field, "label": "x" * 46}])]}]:
        assert refused(modal, "bad", {**form, **wrong}), f"taken: {json.dumps(wrong)[:200]}"


# A view asks for a loop, and never uses it here.
async def main():
    must_refuse()
    asked = json.loads(sys.stdin.readline())
    total = collections.Counter()
    for name, body in asked["messages"]:
        total += message(name, body)
    for name, body in asked["modals"]:
        total += modal(name, body)
    read = {"messages": len(asked["messages"]), "modals": len(asked["modals"]), "parts": total}
    print(json.dumps(read), flush=True)


asyncio.run(main())
