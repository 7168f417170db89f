"""discord.py, a client that nobody here wrote, does what an approval bot does: against the fake of Discord.

Its addresses and its token come from the environment. It prints `ready` when it is, and `done` at its end.
"""

import asyncio
import io
import json
import os
import sys
import urllib.request

import discord
import yarl
from discord import app_commands

discord.http.Route.BASE = os.environ["DISCORD_BASE"]
# It knows the address of the socket by heart, and asks for it only when it runs in many parts.
AGENT = {"User-Agent": "DiscordBot (https://example.com, 1)"}
with urllib.request.urlopen(urllib.request.Request(f"{discord.http.Route.BASE}/gateway", headers=AGENT)) as answer:
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(json.load(answer)["url"])
GUILD = discord.Object(int(os.environ["DISCORD_GUILD"]))


class Reason(discord.ui.Modal, title="Why not?"):
    reason = discord.ui.TextInput(label="Reason", custom_id="reason", style=discord.TextStyle.paragraph, min_length=3)

    async def on_submit(self, interaction):
        await interaction.response.send_message(f"denied: {self.reason.value}", ephemeral=True)


class Card(discord.ui.View):
    def __init__(self):
        super().__init__(timeout=None)

    @discord.ui.button(label="Approve", style=discord.ButtonStyle.success, custom_id="approve")
    async def approve(self, interaction, _button):
        await interaction.response.edit_message(content=f"approved by {interaction.user.name}", embed=None, view=None)

    @discord.ui.button(label="Deny", style=discord.ButtonStyle.danger, custom_id="deny")
    async def deny(self, interaction, _button):
        await interaction.response.send_modal(Reason())

    @discord.ui.button(label="Wait", custom_id="wait")
    async def wait(self, interaction, _button):
        await interaction.response.defer(ephemeral=True, thinking=True)
        await interaction.followup.send("it took a while", ephemeral=True)


class Bot(discord.Client):
    def __init__(self):
        super().__init__(intents=discord.Intents(guilds=True, guild_messages=True))
        self.tree = app_commands.CommandTree(self)
        self.started = False

    async def on_ready(self):
        if self.started:
            return
        self.started = True
        print("ready", flush=True)
        channel = await self.fetch_channel(int(os.environ["DISCORD_CHANNEL"]))
        embed = discord.Embed(title="ada wants WRITE on orders-prod", description="```sql\nDELETE FROM orders\n```")
        embed.set_footer(text="sha256 9f3c")
        diff = discord.File(io.BytesIO(b"- 3 rows\n"), filename="diff.txt", description="what would change")
        mentions = discord.AllowedMentions.none()
        sent = await channel.send(embed=embed, view=Card(), file=diff, allowed_mentions=mentions, nonce="card-1")
        assert (await channel.fetch_message(sent.id)).attachments[0].filename == "diff.txt"
        await self.tree.sync(guild=GUILD)

    async def on_message(self, message):
        if message.author != self.user and "bye" in message.content:
            print("done", flush=True)
            await self.close()

    async def on_error(self, *_):
        await super().on_error(*_)
        sys.exit(1)


bot = Bot()
access = app_commands.Group(name="access", description="Access to targets")


@access.command(name="ask", description="Ask for access")
async def ask(interaction: discord.Interaction, target: str, minutes: app_commands.Range[int, 1, 240]):
    await interaction.response.send_message(f"{target} for {minutes} minutes")


@ask.autocomplete("target")
async def targets(_interaction, current):
    return [app_commands.Choice(name=name, value=name) for name in ["orders-prod", "billing"] if current in name]


bot.tree.add_command(access, guild=GUILD)
discord.utils.setup_logging(level=30)
asyncio.run(bot.start(os.environ["DISCORD_TOKEN"]))
