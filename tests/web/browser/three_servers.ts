/** Two people at pages and one at a terminal, on three servers of which one is killed. */
import { assertEquals } from "@std/assert";
import { checkHistory, formatFindings } from "@netlab/lab/checker";
import type { HistoryEvent, SentEvent } from "@netlab/lab/checker";
import { freePorts, Process } from "@netlab/lab/cluster";
import { eventually } from "../../p2p/network.ts";
import { CLIENT, event, PERMISSIONS, SERVER } from "../../p2p/programs.ts";
import { Pages } from "./browser.ts";
import { Person } from "./person.ts";

/** How long the servers may take to learn where the pages of the others are: milliseconds. */
const LEARNED_MS = 30_000;

Deno.test("pages of a killed server go on with another, and nothing is lost or seen twice", async () => {
  const ports = freePorts(6);
  const nodes = ports.slice(0, 3).map((port) => `127.0.0.1:${port}`);
  const origins = ports.slice(3).map((port) => `http://127.0.0.1:${port}`);
  await using servers = new AsyncDisposableStack();
  const processes = nodes.map((node, index) => {
    const peers = nodes.filter((other) => other !== node).flatMap((peer) => ["--peer", peer]);
    const args = ["--port", `${ports[index]}`, "--web", `${ports[3 + index]}`, "--json", ...peers];
    return servers.use(Process.start(SERVER, args, { permissions: PERMISSIONS }));
  });
  for (const process of processes) await event(process, "web");
  for (const origin of origins) {
    await eventually("the servers know the pages of all", async () => {
      const { servers } = await (await fetch(`${origin}/servers`)).json();
      return servers.length === 3;
    }, LEARNED_MS);
  }

  await using pages = new Pages();
  const alice = new Person(await pages.open(`${origins[0]}/chat`), "Alice");
  const bob = new Person(await pages.open(`${origins[1]}/chat`), "Bob");
  const args = ["--name", "Carol", "--server", nodes[2]!];
  const carol = servers.use(Process.start(CLIENT, args, { stdin: "piped" }));
  await Promise.all([alice.signIn(), bob.signIn()]);
  assertEquals(await Promise.all([alice.server(), bob.server()]), nodes.slice(0, 2));

  const history: HistoryEvent[] = [];
  const at = () => Math.round(performance.now());
  let sequence = 0;
  const sent = (sender: string, recipient: string) => {
    const id = `${sender} to ${recipient}: number ${++sequence}.`;
    history.push({ kind: "sent", at: at(), id, sender, recipient, sequence });
    return id;
  };
  /** Writes from one page to somebody. */
  const write = async (person: Person, recipient: string) => {
    const text = sent(person.name, recipient);
    await person.write(recipient, text);
    return text;
  };
  const tell = async (recipient: string) => {
    const text = sent("Carol", recipient);
    await carol.write(`${recipient} ${text}\n`);
    return text;
  };

  // Everybody writes to everybody.
  await alice.open("Bob");
  await bob.open("Alice");
  for (let round = 0; round < 3; round++) {
    const [toBob, toAlice] = await Promise.all([write(alice, "Bob"), write(bob, "Alice")]);
    await Promise.all([bob.sees(toBob), alice.sees(toAlice)]);
    await Promise.all([alice.reaches(toBob, "delivered"), bob.reaches(toAlice, "delivered")]);
  }
  await tell("Alice");
  await bob.open("Carol");
  const toCarol = await write(bob, "Carol");
  await carol.waitFor(toCarol);

  // The server of Alice's page is killed while she writes.
  const [first] = processes;
  first!.kill("SIGKILL");
  const late = [await write(alice, "Bob"), await write(alice, "Bob")];
  assertEquals(nodes.slice(1).includes(await alice.server(nodes[0])), true);
  await bob.open("Alice");
  for (const text of late) {
    await bob.sees(text);
    await alice.reaches(text, "delivered");
  }
  const answer = await write(bob, "Alice");
  await alice.sees(answer);
  await tell("Bob");
  await alice.open("Carol");
  const afterwards = await write(alice, "Carol");
  await carol.waitFor(afterwards);
  await alice.reaches(afterwards, "delivered");
  const last = await tell("Alice");
  await alice.sees(last);

  // What each of them has seen, in order.
  for (const [person, peers] of [[alice, ["Bob", "Carol"]], [bob, ["Alice", "Carol"]]] as const) {
    for (const sender of peers) {
      await person.open(sender);
      if (person === bob && sender === "Carol") {
        await bob.page.locator('[data-own="false"]').waitFor();
      }
      for (const id of await person.texts("other")) {
        history.push({ kind: "seen", at: at(), id, recipient: person.name, sender });
      }
    }
  }
  for (const line of carol.stdout) {
    const [id, sender] = /(\w+) to Carol: number \d+\./.exec(line) ?? [];
    if (sender) history.push({ kind: "seen", at: at(), id: id!, recipient: "Carol", sender });
  }
  // All of them must have arrived, whatever the senders were told.
  for (const { kind, id } of [...history] as SentEvent[]) {
    if (kind === "sent") history.push({ kind: "accepted", at: at(), id });
  }
  const findings = checkHistory(history);
  assertEquals([findings.lost, findings.duplicated, findings.unexpected], [[], [], []]);
  assertEquals(findings.seen, findings.sent, formatFindings(findings).join("\n"));
});
