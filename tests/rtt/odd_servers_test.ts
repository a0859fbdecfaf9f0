import { assert, assertEquals } from "@std/assert";
import {
  ErrorCode,
  FrameType,
  FrameWriter,
  Information,
  NetlabError,
  writeError,
  writeInformationResponse,
} from "@netlab/protocol";
import { MAX_ROUND_MS, MAX_SERVERS, MEASURE_TIMEOUT_MS, Prober, Rounds } from "@netlab/rtt";
import { RttServer } from "@netlab/rtt/server";
import { LegacyServer } from "../legacy.ts";
import { socketTest as test } from "../kinds.ts";
import { type RawParty, within } from "../p2p/network.ts";
import { answerQuestion, oddEchoes, OddServer } from "./odd_server.ts";
import { anyNetwork, roundsOf, stateOf } from "./rounds_of.ts";

/** The delay that a busy machine may add to a time limit: milliseconds. */
const NOTICE_MS = 2_000;

const NO_ANSWER = "no answer in time";
const FLOOD = "it sends data that was not requested";

/** A server that writes a frame repeatedly, as fast as it is read. */
function flood(frame: Uint8Array): OddServer {
  const server: OddServer = new OddServer({
    opened(party) {
      const piece = new FrameWriter();
      while (piece.length < 64 * 1024) piece.raw(frame);
      const bytes = piece.take().slice();
      const stop = performance.now() + 1_000;
      server.every(1, () => {
        // It stops after a second, because it shares this process with the client.
        if (performance.now() < stop && party.out.length < 64 * 1024) party.out.raw(bytes);
      });
    },
  });
  return server;
}

/** Servers that cannot be measured, and the trouble that is reported for each. */
const ODDITIES: Record<string, { trouble: string; start(): OddServer }> = {
  "never answers an echo": {
    trouble: NO_ANSWER,
    start: () => oddEchoes(() => {}),
  },
  "answers echoes with other bytes": {
    trouble: NO_ANSWER,
    start: () => oddEchoes(({ out }) => out.frame(FrameType.Echo, 0, new Uint8Array(60_000))),
  },
  "answers echoes with numbers that were not sent": {
    trouble: NO_ANSWER,
    start: () =>
      oddEchoes((party, { payload }) => {
        const number = Number(new TextDecoder().decode(payload));
        for (let ahead = 1; ahead < 5; ahead++) {
          const digits = String(number + ahead);
          party.send(FrameType.Echo, 0, 0, digits.length, 0, 0, digits);
        }
      }),
  },
  "sends other frames for ever": {
    trouble: NO_ANSWER,
    start: () => {
      const server: OddServer = new OddServer({
        opened: (party) => server.every(50, () => party.send(9, 7, 0, 0, 0, 0)),
      });
      return server;
    },
  },
  "answers questions, and then sends other frames for ever": {
    trouble: NO_ANSWER,
    start: () => {
      const server: OddServer = new OddServer({
        opened: (party) => server.every(50, () => party.send(9, 7, 0, 0, 0, 0)),
        frame: (party, frame) => void answerQuestion(party, frame),
      });
      return server;
    },
  },
  "answers with half a frame": {
    trouble: NO_ANSWER,
    start: () =>
      new OddServer({
        frame: (party) => party.send(1, Information.Capabilities, 0, 9, 0, 0, "ses"),
      }),
  },
  "announces less than it sends": {
    trouble: NO_ANSWER,
    start: () => oddEchoes((party) => party.send(FrameType.Echo, 0, 0, 0, 0, 0, "~~~~~~~~")),
  },
  "answers one byte a second": {
    trouble: NO_ANSWER,
    start: () => {
      const server: OddServer = new OddServer({
        opened(party) {
          const bytes = [1, Information.Capabilities, 0, 4, 0, 0, ..."echo"];
          server.every(1_000, () => bytes.length > 0 && party.send(bytes.shift()!));
        },
      });
      return server;
    },
  },
  "accepts and never reads": {
    trouble: NO_ANSWER,
    start: () => new OddServer({ opened: (party) => party.pause() }),
  },
  "closes at once": {
    trouble: "it hung up",
    start: () => new OddServer({ opened: (party) => void party[Symbol.asyncDispose]() }),
  },
  "closes in the middle": {
    trouble: "it hung up",
    start: () => {
      let echoes = 0;
      return oddEchoes((party, frame) => {
        if (++echoes < 3) party.out.forward(frame, 0);
        else party.end();
      });
    },
  },
  "falls silent in the middle": {
    trouble: NO_ANSWER,
    start: () => {
      let echoes = 0;
      return oddEchoes((party, frame) => ++echoes < 3 && party.out.forward(frame, 0));
    },
  },
  "answers every echo twice, and with nothing in it": {
    trouble: "it answers echoes that were not sent",
    start: () => oddEchoes((party) => party.send(4, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0)),
  },
  "answers echoes before they come": {
    trouble: "it answers echoes that were not sent",
    start: () => new OddServer({ opened: (party) => party.send(4, 0, 0, 0, 0, 0) }),
  },
  "answers with an error": {
    trouble: "too busy [2J today",
    start: () =>
      oddEchoes(({ out }) => writeError(out, error("Cannot do it: too busy\n\x1b[2J today"))),
  },
  "answers with an error without a sentence": {
    trouble: "it gives no reason",
    start: () => oddEchoes(({ out }) => writeError(out, error(""))),
  },
  "answers with a fatal error": {
    trouble: "it is closing",
    start: () =>
      oddEchoes((party) => {
        writeError(party.out, error("Cannot do it: it is closing", true));
        party.end();
      }),
  },
  "answers with a very long error": {
    trouble: `${"x".repeat(200)}… (1,900 characters)`,
    start: () => oddEchoes(({ out }) => writeError(out, error("x".repeat(1_900)))),
  },
  "answers with an error that is none": {
    trouble: "it ends after 1 bytes, in the middle of a field",
    start: () => oddEchoes((party) => party.send(FrameType.Error, 0, 0, 1, 0, 0, "?")),
  },
  "floods with empty frames": {
    trouble: FLOOD,
    start: () => flood(Uint8Array.of(1, 0, 0, 0, 0, 0)),
  },
  "floods with frames of a type that nobody knows": {
    trouble: FLOOD,
    start: () => flood(Uint8Array.of(77, 0, 0, 3, 0, 0, 1, 2, 3)),
  },
  "floods with long frames": {
    trouble: FLOOD,
    start: () => flood(Uint8Array.of(1, 9, 0xea, 0x60, 0, 0, ...new Uint8Array(60_000))),
  },
  "does not know echoes": {
    trouble: "not an rtt server",
    start: () =>
      oddEchoes(({ out }) =>
        writeError(out, new NetlabError(ErrorCode.UnknownType, "Cannot read the frame: type 4"))
      ),
  },
};

function error(sentence: string, fatal = false): NetlabError {
  return new NetlabError(ErrorCode.RecipientBusy, sentence, { fatal });
}

test("odd servers neither delay a round nor change the times of others", async () => {
  await using stack = new AsyncDisposableStack();
  const odd = Object.entries(ODDITIES).map(([what, { start, trouble }]) => ({
    what,
    trouble,
    server: stack.use(start()),
  }));
  await using good = await RttServer.listen();
  await using old = new LegacyServer({ echoes: true });
  const addresses = odd.map(({ server }) => server.address);
  await using rounds = roundsOf(good.address, ...addresses, old.address);
  // The second round uses connections that the first round left open.
  for (let round = 1; round <= 2; round++) {
    await within(`round ${round}`, rounds.measure(), MEASURE_TIMEOUT_MS + NOTICE_MS);
    for (const { what, trouble, server } of odd) {
      const found = stateOf(rounds, server.address).trouble;
      assertEquals(found, trouble, `A server that ${what}, round ${round}`);
    }
    for (const { address } of [good, old]) {
      const { trouble, times } = stateOf(rounds, address);
      assertEquals([trouble, times.loss], [undefined, 0]);
      assert(times.lowMs! > 0);
    }
  }
});

test("server that lists invalid addresses is measured, and so are the valid ones in its list", async () => {
  await using other = await RttServer.listen();
  await using server = new OddServer({
    frame(party, frame) {
      const listed = ["", "nowhere", "127.0.0.1:99999", other.address, "\xff\x1b"];
      if (!answerQuestion(party, frame, listed)) party.out.forward(frame, 0);
    },
  });
  await using rounds = roundsOf(server.address);
  await rounds.measure();
  assertEquals(
    rounds.chooser.servers.map(({ server, trouble }) => [server, trouble]),
    [[server.address, undefined], [other.address, undefined]],
  );
});

test("server that answers only some echoes in time is measured by those", async () => {
  const echoes = new Map<RawParty, number>();
  await using server = oddEchoes((party, frame, server) => {
    const count = (echoes.get(party) ?? 0) + 1;
    echoes.set(party, count);
    if (count <= 2) party.out.forward(frame, 0);
    else if (count === 3) server.every(50, () => party.send(9, 7, 0, 0, 0, 0));
  });
  await using rounds = roundsOf(server.address);
  const { decision } = await within("a round", rounds.measure(), MEASURE_TIMEOUT_MS + NOTICE_MS);
  assertEquals(decision.server, server.address);
  const { trouble, times } = stateOf(rounds, server.address);
  assertEquals(trouble, undefined);
  assert(times.lowMs! < MEASURE_TIMEOUT_MS);
  assert(times.loss > 0, "those without an answer are lost");
});

test("server that takes more than a second for each answer does not count as silent", async () => {
  const seen = new Set<string>();
  await using server = new OddServer({
    frame(party, received, server) {
      const frame = received.copy();
      // A repeated question gets no second answer.
      const question = `${frame.type}/${frame.subtype} ${frame.payload.toHex()}`;
      if (seen.has(question)) return;
      seen.add(question);
      server.after(1_100, () => answerQuestion(party, frame) || party.out.forward(frame, 0));
    },
  });
  await using rounds = roundsOf(server.address);
  await within("a round", rounds.measure(), MEASURE_TIMEOUT_MS + NOTICE_MS);
  const { trouble, times } = stateOf(rounds, server.address);
  assertEquals(trouble, undefined);
  assert(times.lowMs! >= 1_099, `${times.lowMs} ms`);
});

test("server in use that sends to its user is kept although it answers no echoes in time", async () => {
  let silent = false;
  await using server = oddEchoes((party, frame) => {
    if (!silent) party.out.forward(frame, 0);
  });
  await using rounds = new Rounds({}, {
    known: () => [server.address],
    heardAt: () => performance.now(),
    network: anyNetwork,
    done: () => {},
  });
  await rounds.measure();
  const { lowMs } = stateOf(rounds, server.address).times;
  rounds.chooser.use(server.address);
  silent = true;
  const { decision } = await within("a round", rounds.measure(), MEASURE_TIMEOUT_MS + NOTICE_MS);
  assertEquals([decision.kind, decision.server], ["kept", server.address]);
  const { trouble, nowMs, times } = stateOf(rounds, server.address);
  assertEquals([trouble, nowMs, times.lowMs], [undefined, null, lowMs]);
});

test("servers that keep naming new servers do not make a round endless", async () => {
  await using stack = new AsyncDisposableStack();
  const started: OddServer[] = [];
  const startLiar = (): OddServer => {
    const server = stack.use(
      new OddServer({
        frame(party, frame, server) {
          if (frame.type === FrameType.Echo) return party.out.forward(frame, 0);
          if (frame.subtype !== Information.Servers) return void answerQuestion(party, frame);
          const { address } = startLiar();
          server.after(1_500, () => {
            writeInformationResponse(party.out, Information.Servers, [address]);
          });
        },
      }),
    );
    started.push(server);
    return server;
  };
  await using rounds = roundsOf(startLiar().address);
  await within("a round", rounds.measure(), MAX_ROUND_MS + NOTICE_MS);
  const asked = rounds.chooser.servers.filter(({ nowMs }) => nowMs !== undefined);
  const waiting = rounds.chooser.servers.filter(({ nowMs }) => nowMs === undefined);
  assert(asked.length >= 2, `${asked.length} were asked`);
  assert(asked.every(({ trouble }) => trouble === undefined));
  // The last server was named too late, and waits for the next round.
  assertEquals(waiting.map(({ trouble }) => trouble), ["not asked yet"]);
  await within("another round", rounds.measure(), MAX_ROUND_MS + NOTICE_MS);
  assertEquals(stateOf(rounds, waiting[0]!.server).trouble, undefined);
});

test("servers that name new servers at once are measured up to the limit", async () => {
  await using stack = new AsyncDisposableStack();
  const startLiar = (): OddServer =>
    stack.use(
      new OddServer({
        frame(party, frame) {
          if (frame.type === FrameType.Echo) return party.out.forward(frame, 0);
          const isServers = frame.subtype === Information.Servers;
          answerQuestion(party, frame, isServers ? [startLiar().address] : []);
        },
      }),
    );
  await using good = await RttServer.listen();
  await using rounds = roundsOf(good.address, startLiar().address);
  // A slow machine needs more than one round to hear of so many. The round after the limit adds none.
  for (let full = 0, round = 1; full < 2; round++) {
    assert(round < 10, `${rounds.chooser.servers.length} servers after ${round} rounds`);
    await within(`round ${round}`, rounds.measure(), MAX_ROUND_MS + NOTICE_MS);
    assertEquals(stateOf(rounds, good.address).trouble, undefined);
    assert(rounds.chooser.servers.length <= MAX_SERVERS, "the limit holds");
    if (rounds.chooser.servers.length === MAX_SERVERS) full++;
  }
});

test("prober never matches a late answer without a number to a later echo", async () => {
  const sent: number[] = [];
  const took: number[] = [];
  await using server = oddEchoes((party, _, server) => {
    const at = performance.now();
    const answer = () => {
      took.push(performance.now() - at);
      party.send(4, 0, 0, 0, 0, 0);
    };
    // The first answer is late: the prober has sent another echo before it.
    if (sent.push(at) === 1) server.after(1_500, answer);
    else answer();
  });
  await using prober = new Prober();
  const learned = () => {};
  let misses = 0;
  const missed = () => ++misses < 0;
  const measure = (probes: number) =>
    prober.measure({ server: server.address, probes, admit: () => {}, learned, missed });
  const { timesMs } = await measure(1);
  assert(misses >= 1);
  // The answer to the second echo comes first, and may be matched to the first echo.
  assert(timesMs[0]! >= Math.min(...took), `${timesMs} ms`);
  assert(timesMs[0]! >= 900, `${timesMs[0]} ms, and nothing was answered in the first second`);
  // The prober opens another connection, because a late answer could be matched to the next echo.
  assertEquals((await measure(5)).timesMs.length, 5);
  assertEquals(server.connections, 2);
  // When all echoes were answered, the connection stays open.
  await measure(1);
  assertEquals(server.connections, 2);
});

test("prober ignores answers from a server that guesses the numbers of the next echoes", async () => {
  const HOLD_MS = 50;
  await using server = oddEchoes((party, { payload }, server) => {
    const number = Number(new TextDecoder().decode(payload));
    const answer = (number: number) => {
      const digits = String(number);
      party.send(FrameType.Echo, 0, 0, digits.length, 0, 0, digits);
    };
    server.after(HOLD_MS, () => {
      answer(number);
      // The prober has sent the next echo by then.
      server.after(1, () => [1, 2, 3].forEach((ahead) => answer(number + ahead)));
    });
  });
  await using prober = new Prober();
  const options = {
    server: server.address,
    probes: 5,
    admit: () => {},
    learned: () => {},
    missed: () => false,
  };
  const { timesMs } = await prober.measure(options);
  assert(timesMs.every((ms) => ms >= HOLD_MS - 1), `${timesMs} ms`);
});
