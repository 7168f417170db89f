"""Slack's own client against the fake: models, Web API, Socket Mode, signatures. Reads one line of JSON, answers in lines."""

import json
import sys
import threading

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.models.blocks import Block
from slack_sdk.signature import SignatureVerifier
from slack_sdk.socket_mode import SocketModeClient
from slack_sdk.socket_mode.response import SocketModeResponse

asked = json.loads(sys.stdin.readline())


def say(words):
    print(words, flush=True)


def refused(block):
    """Whether the vendor's models refuse a block."""
    try:
        parsed = Block.parse(json.loads(json.dumps(block)))
        if parsed is None:
            return True
        parsed.validate_json()
        for element in getattr(parsed, "elements", None) or []:
            if hasattr(element, "validate_json"):
                element.validate_json()
        return False
    except Exception:
        return True


for block in asked["good"]:
    assert not refused(block), f"the models refuse what the fake takes: {json.dumps(block)[:300]}"
# The models know fewer limits than the server; those they know must be among the bad ones.
assert sum(refused(block) for block in asked["bad"]) >= 10
body, timestamp, signature = asked["signed"]
assert SignatureVerifier(asked["secret"]).is_valid(body=body, timestamp=timestamp, signature=signature)
assert not SignatureVerifier("another").is_valid(body=body, timestamp=timestamp, signature=signature)
say("models agree")

web = WebClient(token=asked["bot"], base_url=asked["api"])
assert web.auth_test()["user_id"] == "U0BOT"
assert web.users_info(user="U1")["user"]["profile"]["email"] == "ada@example.com"
assert web.conversations_info(channel="C1")["channel"]["name"] == "approvals"
assert [c["id"] for c in web.users_conversations(types="public_channel")["channels"]] == ["C1"]
try:
    web.chat_postMessage(channel="C1", text="x", blocks=[{"type": "hologram"}])
    raise AssertionError("taken")
except SlackApiError as error:
    assert error.response["error"] == "invalid_blocks"
    assert "hologram" in error.response["response_metadata"]["messages"][0]

finished = threading.Event()
failures = []


def card():
    button = {"type": "button", "action_id": "approve", "text": {"type": "plain_text", "text": "Approve"}, "value": "r1"}
    return [
        {"type": "section", "text": {"type": "mrkdwn", "text": "*ada* asks"}},
        {"type": "actions", "elements": [button]},
    ]


def modal():
    field = {
        "type": "input",
        "block_id": "why",
        "label": {"type": "plain_text", "text": "Why"},
        "element": {"type": "plain_text_input", "action_id": "why"},
    }
    plain = lambda text: {"type": "plain_text", "text": text}
    return {"type": "modal", "title": plain("Access"), "submit": plain("Ask"), "blocks": [field]}


def command(payload):
    posted = web.chat_postMessage(
        channel=payload["channel_id"],
        text="ada asks",
        blocks=card(),
        metadata={"event_type": "request", "event_payload": {"req": "r1"}},
    )
    found = web.conversations_history(channel="C1", include_all_metadata=True, limit=1)["messages"][0]
    assert found["ts"] == posted["ts"] and found["metadata"]["event_payload"]["req"] == "r1"
    assert web.chat_getPermalink(channel="C1", message_ts=posted["ts"])["permalink"].startswith("https://")
    dm = web.conversations_open(users="U1")["channel"]["id"]
    web.chat_postMessage(channel=dm, text="asked")
    web.chat_postEphemeral(channel="C1", user="U1", text="for your eyes")
    opened = web.views_open(trigger_id=payload["trigger_id"], view=modal())["view"]
    web.views_update(view_id=opened["id"], hash=opened["hash"], view=modal())
    web.files_upload_v2(channel="C1", content=b"a picture", filename="chart.png", title="Chart")


def interaction(client, request):
    payload = request.payload
    answer = None
    if payload["type"] == "view_submission":
        if payload["view"]["state"]["values"]["why"]["why"]["value"] == "bad":
            answer = {"response_action": "errors", "errors": {"why": "no"}}
    client.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id, payload=answer))
    if payload["type"] == "block_actions":
        user = payload["user"]["id"]
        text = f"approved by {user}"
        web.chat_update(channel=payload["channel"]["id"], ts=payload["message"]["ts"], text=text, blocks=[])


def listen(client, request):
    try:
        if request.type == "slash_commands":
            said = f"heard {request.payload['command']} {request.payload['text']}"
            client.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id, payload={"text": said}))
            command(request.payload)
        elif request.type == "interactive":
            interaction(client, request)
        elif request.type == "events_api":
            client.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))
            text = {"type": "section", "text": {"type": "mrkdwn", "text": "Welcome"}}
            web.views_publish(user_id=request.payload["event"]["user"], view={"type": "home", "blocks": [text]})
            finished.set()
    except Exception as error:  # told by the main thread, which alone can end the program
        failures.append(error)
        finished.set()


client = SocketModeClient(app_token=asked["app"], web_client=web)
client.socket_mode_request_listeners.append(listen)
client.connect()
say("connected")
assert finished.wait(60), "the story did not end"
client.close()
if failures:
    raise failures[0]
say("done")
