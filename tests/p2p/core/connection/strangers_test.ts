import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  ErrorCode,
  type Frame,
  FrameDecoder,
  FrameWriter,
  NetlabError,
  readError,
} from "@netlab/protocol";
import { LIMITS } from "../../../../p2p/core/limits.ts";
import { Connection } from "../../../../p2p/core/connection/connection.ts";
import { Strangers } from "../../../../p2p/core/connection/strangers.ts";
import { pureTest as test } from "../../../kinds.ts";

const NOW = 1_700_000_000_000;

/** A connection that shows how it was closed. */
class Party {
  readonly out = new FrameWriter();
  isOpen = true;
  readonly connection: Connection;

  constructor(host = "127.0.0.1", now = NOW) {
    const close = () => void (this.isOpen = false);
    const transport = { out: this.out, pause() {}, resume() {}, end: close, close, abort: close };
    this.connection = new Connection(transport, host, undefined, now);
  }

  /** The error that it got. */
  get error(): NetlabError | undefined {
    const frames: Frame[] = [];
    new FrameDecoder((frame) => void frames.push(frame.copy())).push(this.out.take());
    return frames[0] && readError(frames[0]);
  }

  register(): void {
    this.connection.party = { label: "Ann", isPausable: true };
  }
}

function parties(strangers: Strangers, count: number, now = NOW, host?: string): Party[] {
  return Array.from({ length: count }, () => {
    const party = new Party(host, now);
    strangers.add(party.connection, now);
    return party;
  });
}

const limits = { maxConnectionsPerHost: 3, maxUnregistered: 4 };

test("one connection more from a host than the limit is refused, until another one has ended", () => {
  const strangers = new Strangers({ ...limits, maxUnregistered: 100 });
  const all = parties(strangers, 4, NOW, "10.0.0.1");
  assertEquals(all.map(({ isOpen }) => isOpen), [true, true, true, false]);
  const error = all[3]!.error!;
  assertEquals([error.code, error.fatal], [ErrorCode.TooManyConnections, true]);
  assertStringIncludes(error.message, "10.0.0.1 has 3 connections");
  assertStringIncludes(error.message, "--max-connections-per-host");
  // Other hosts, and programs of this machine, are not concerned.
  assert(parties(strangers, 3, NOW, "10.0.0.2").every(({ isOpen }) => isOpen));
  assert(parties(strangers, 50).every(({ isOpen }) => isOpen));

  for (const { connection } of all) strangers.closed(connection);
  assert(parties(strangers, 3, NOW, "10.0.0.1").every(({ isOpen }) => isOpen));
});

test("one connection more than may be unregistered closes the one that was silent for longest", () => {
  const strangers = new Strangers(limits);
  const all = parties(strangers, 4);
  strangers.heard(all[0]!.connection, NOW + 500);
  const [fifth] = parties(strangers, 1, NOW + 1_000);
  assertEquals(all.map(({ isOpen }) => isOpen), [true, false, true, true]);
  assert(fifth!.isOpen);
  const error = all[1]!.error!;
  assertEquals([error.code, error.fatal], [ErrorCode.TooManyConnections, true]);
  assertStringIncludes(error.message, "4 others have not registered");
  assertStringIncludes(error.message, "--max-unregistered");
});

test("connections that have just been opened are not closed for newer ones", () => {
  const strangers = new Strangers(limits);
  const all = parties(strangers, 5);
  assertEquals(all.map(({ isOpen }) => isOpen), [true, true, true, true, false]);
  assertEquals(all[4]!.error?.code, ErrorCode.TooManyConnections);
});

test("connections that have registered leave room, and those that sign off count again", () => {
  const strangers = new Strangers(limits);
  const all = parties(strangers, 4);
  for (const party of all) party.register();
  const others = parties(strangers, 4);
  assert([...all, ...others].every(({ isOpen }) => isOpen));
  all[0]!.connection.unregister();
  strangers.heard(all[0]!.connection, NOW + 1_000);
  parties(strangers, 1, NOW + 1_000);
  assertEquals(others.map(({ isOpen }) => isOpen), [false, true, true, true]);
});

test("a connection that has not registered may send a thousand frames, and a hundred more each second", () => {
  const strangers = new Strangers(limits);
  const [{ connection }, other] = parties(strangers, 2) as [Party, Party];
  const most = LIMITS.unregisteredFrames.default;
  const send = (count: number, now: number) => {
    for (let n = 0; n < count; n++) strangers.heard(connection, now);
  };
  const error = assertThrows(() => send(most + 1, NOW), NetlabError);
  assertEquals([error.code, error.fatal], [ErrorCode.TooManyFrames, true]);
  strangers.heard(other.connection, NOW);
  send(99, NOW + 1_000);
  assertThrows(() => send(1, NOW + 1_000), NetlabError);
  // Whoever sends slowly may do so for ever.
  for (let n = 1; n <= 10 * most; n++) send(1, NOW + 20_000 + 10 * n);
});

test("a connection that does not register is closed a minute after its last request", () => {
  const strangers = new Strangers(limits);
  const [silent, asking, user] = parties(strangers, 3) as [Party, Party, Party];
  user.register();
  strangers.heard(asking.connection, NOW + 30_000);
  strangers.tick(NOW + 60_000);
  assert(silent.isOpen);
  strangers.tick(NOW + 60_001);
  assertEquals([silent.isOpen, asking.isOpen, user.isOpen], [false, true, true]);
  // The time in which the server did not run does not count.
  strangers.slept(NOW + 90_000);
  strangers.tick(NOW + 150_000);
  assert(asking.isOpen);
  strangers.tick(NOW + 150_001);
  assert(!asking.isOpen);
});
