import { assert, assertEquals } from "@std/assert";
import { P2pClient } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import { Process } from "../../processes.ts";
import { eventually, processTest, within } from "../network.ts";
import { CLIENT } from "../programs.ts";

const COUNT = 400;
const TEXTS = Array.from({ length: COUNT }, (_, number) => `${number}`);

/** Sends messages to a user who is killed over and over, and returns what each of its processes printed. */
async function killed(name: string, start: (port: number) => Process): Promise<string[][]> {
  await using server = await P2pServer.listen();
  await using alice = await P2pClient.connect({ name: "Alice", servers: [server.address] });
  const sent = await Promise.all(TEXTS.map((text) => alice.send(name, text)));
  let isOver = false;
  const over = Promise.all(sent.map(({ delivered }) => delivered)).then(() => isOver = true);
  const printed: string[][] = [];
  for (let round = 1; !isOver; round++) {
    assert(round < 50, "it makes no progress");
    await using program = start(server.port);
    // Killed in the middle, at a different moment each time, until the last one may finish.
    const enough = round < 4 ? 60 * round + 7 : Infinity;
    await eventually("it has printed much", () => isOver || program.stdout.length >= enough);
    program.kill("SIGKILL");
    await program.finished();
    printed.push([...program.stdout]);
    await eventually("it has gone", () => !server.localUsers().includes(name));
  }
  await within("the end", over);
  return printed;
}

processTest(
  "p2p program that is killed again and again works on every message to its end",
  async () => {
    const printed = await killed(
      "Worker",
      (port) =>
        Process.start("tests/p2p/client/slow_worker.ts", [`127.0.0.1:${port}`], {
          permissions: ["--allow-net=127.0.0.1"],
        }),
    );
    const ended = new Set(printed.flat().filter((line) => line.startsWith("end ")));
    assertEquals(TEXTS.filter((text) => !ended.has(`end ${text}`)), []);
    // What was begun and not ended begins again, first of all.
    for (const [index, lines] of printed.entries()) {
      const last = lines.at(-1)!;
      const next = printed[index + 1]?.[0];
      if (next && last.startsWith("begin ")) {
        const number = (line: string) => Number(line.split(" ")[1]);
        assert(number(next) <= number(last), `${next} after ${last}`);
      }
    }
  },
);

processTest("p2p client program that is killed again and again prints every message", async () => {
  const printed = await killed(
    "Bob",
    (port) => Process.start(CLIENT, ["--name", "Bob", "--server", `${port}`], { stdin: "piped" }),
  );
  const seen = new Set(printed.flat());
  assertEquals(TEXTS.filter((text) => !seen.has(`Alice: ${text}`)), []);
  for (const lines of printed) assertEquals(new Set(lines).size, lines.length, "none comes twice");
});
