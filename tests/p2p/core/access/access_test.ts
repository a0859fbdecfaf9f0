/**
 * The exchange of tokens, with a host that checks them when the test says so.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  ErrorCode,
  type Frame,
  FrameDecoder,
  FrameType,
  FrameWriter,
  NetlabError,
  readToken,
  writeToken,
} from "@netlab/protocol";
import { serverIdOf } from "@netlab/protocol/server-id";
import { LIMITS } from "@netlab/p2p/core";
import { Access, type AccessOptions } from "../../../../p2p/core/access/access.ts";
import { Connection } from "../../../../p2p/core/connection/connection.ts";
import type { Grant, Role } from "../../../../p2p/core/connection/grant.ts";
import type { Context } from "../../../../p2p/core/host.ts";
import { silentLogger } from "../../../../p2p/core/logger.ts";
import { pureTest as test } from "../../../kinds.ts";

const OWN = "own.server.token";

function grant(role: Role): Grant {
  return {
    subject: "Alice",
    role,
    expiresAt: Infinity,
    id: undefined,
    boundTo: undefined,
    key: undefined,
  };
}

function start(options: AccessOptions = {}) {
  /** What waits to be checked, in order. */
  const checks: { token: string; done: (result: Grant | NetlabError) => void }[] = [];
  const refused: [Connection, number][] = [];
  let ended: NetlabError | undefined;
  const signing = {
    key: new Uint8Array(32),
    startedAt: 1,
    sign: () => new Uint8Array(64),
    time: () => 0,
  };
  const context = {
    id: serverIdOf(signing),
    now: 0,
    logger: silentLogger,
    host: {
      random: () => 0.5,
      verifySignature: (_: Uint8Array, __: Uint8Array, signature: Uint8Array) => signature[0] === 1,
      tokens: {
        signing,
        own: OWN,
        verify: (token: string, done: (result: Grant | NetlabError) => void) =>
          void checks.push({ token, done }),
        check: () => ended,
      },
    },
  } as unknown as Context;
  const access = new Access(
    context,
    { legacy: false, ...options },
    () => "office",
    (connection, error) => void refused.push([connection, error.code]),
  );
  const connect = (dialled?: string, host = "127.0.0.1", isEncrypted = false) => {
    const out = new FrameWriter();
    const transport = {
      out,
      isEncrypted,
      paused: false,
      pause: () => void (transport.paused = true),
      resume: () => void (transport.paused = false),
      end() {},
      close() {},
      abort() {},
    };
    const connection = new Connection(transport, host, dialled, context.now);
    if (dialled === undefined) access.accepted(connection);
    return { connection, transport, sent: () => framesIn(out.take()) };
  };
  return {
    access,
    checks,
    refused,
    connect,
    run(ms: number) {
      (context as { now: number }).now += ms;
      access.tick();
    },
    end: (error: NetlabError) => void (ended = error),
  };
}

function framesIn(bytes: Uint8Array): Frame[] {
  const frames: Frame[] = [];
  new FrameDecoder((frame) => frames.push(frame.copy())).push(bytes.slice());
  return frames;
}

function tokenFrame(token: string): Frame {
  const out = new FrameWriter();
  writeToken(out, token);
  return framesIn(out.take())[0]!;
}

test("nothing is read from a connection while its token is checked", () => {
  const { access, checks, connect } = start();
  const { connection, transport, sent } = connect();
  access.received(connection, tokenFrame("a.b.c"));
  assert(transport.paused);
  // What had arrived with the token is refused.
  assertThrows(() => access.check(connection, tokenFrame("a.b.c")), NetlabError, "wait for");
  checks[0]!.done(grant("user"));
  assert(!transport.paused);
  assertEquals(connection.grant?.role, "user");
  assertEquals(sent().map(({ payload }) => readToken(payload)), [""]);
  access.check(connection, tokenFrame("a.b.c"));
});

test("a connection that ends while its token is checked gets nothing", () => {
  const { access, checks, connect, refused } = start();
  const { connection, sent } = connect();
  access.received(connection, tokenFrame("a.b.c"));
  access.closed(connection);
  checks[0]!.done(grant("user"));
  assertEquals([connection.grant, sent().length, refused.length], [undefined, 0, 0]);
});

test("at most 64 tokens are checked at a time", () => {
  const { access, checks, connect } = start();
  const most = LIMITS.verifications.default;
  for (let i = 0; i < most; i++) access.received(connect().connection, tokenFrame("a.b.c"));
  const next = connect().connection;
  const error = assertThrows(() => access.received(next, tokenFrame("a.b.c")), NetlabError);
  assertEquals([error.code, error.fatal, checks.length], [ErrorCode.TimedOut, true, most]);
  checks[0]!.done(grant("user"));
  access.received(next, tokenFrame("a.b.c"));
  assertEquals(checks.length, most + 1);
});

test("a connection without a token ends after five seconds, one with a token does not", () => {
  const { access, checks, connect, refused, run } = start();
  const silent = connect().connection;
  const known = connect().connection;
  access.received(known, tokenFrame("a.b.c"));
  checks[0]!.done(grant("observer"));
  run(5_000);
  assertEquals(refused, []);
  run(1);
  assertEquals(refused, [[silent, ErrorCode.TokenRequired]]);
});

test("a token that is no longer valid ends its connection within a second", () => {
  const { access, checks, connect, refused, run, end } = start();
  const { connection } = connect();
  access.received(connection, tokenFrame("a.b.c"));
  checks[0]!.done(grant("user"));
  run(1_000);
  assertEquals(refused, []);
  end(new NetlabError(ErrorCode.TokenRevoked, "Cannot use the token", { fatal: true }));
  run(1_000);
  run(1_000);
  assertEquals(refused, [[connection, ErrorCode.TokenRevoked]]);
});

test("a server sends its token to other machines only over encrypted connections", () => {
  const send = (host: string, isEncrypted: boolean, options?: AccessOptions) => {
    const { access, connect } = start(options);
    const { connection, sent } = connect(`${host}:5001`, host, isEncrypted);
    const errors: (number | undefined)[] = [];
    access.introduce(connection, true, true, (error) => errors.push(error?.code));
    return [sent().map(({ payload }) => readToken(payload)), errors];
  };
  const refused = [[], [ErrorCode.NotEncrypted]];
  const sent = [[OWN], []];
  assertEquals(send("127.0.0.1", false), sent);
  assertEquals(send("10.0.0.1", false), refused);
  assertEquals(send("one.example", false), refused);
  assertEquals(send("10.0.0.1", true), sent);
  assertEquals(send("10.0.0.1", false, { insecureToken: true }), sent);
  // The same holds for the answer to another server.
  for (const isEncrypted of [false, true]) {
    const { access, checks, connect, refused } = start();
    const { connection, sent } = connect(undefined, "10.0.0.1", isEncrypted);
    access.received(connection, tokenFrame("a.b.c"));
    checks[0]!.done(grant("server"));
    const tokens = sent().filter(({ type }) => type === FrameType.Registration);
    assertEquals(tokens.map(({ payload }) => readToken(payload)), isEncrypted ? [OWN] : []);
    assertEquals(refused.length, isEncrypted ? 0 : 1);
  }
});

test("a dialled server is believed only with a token for the role server", () => {
  for (const role of ["user", "observer", "server"] as const) {
    const { access, checks, connect } = start();
    const { connection } = connect("127.0.0.1:5002");
    const results: (number | undefined)[] = [];
    access.introduce(connection, true, true, (error) => results.push(error?.code));
    access.received(connection, tokenFrame("a.b.c"));
    assertEquals(results, []);
    checks[0]!.done(grant(role));
    const isServer = role === "server";
    // A server must prove its key next.
    assertEquals(results, isServer ? [] : [ErrorCode.NotPermitted]);
    assertEquals(connection.grant !== undefined, isServer);
  }
  // Nobody has asked this one.
  const { access, connect } = start();
  const { connection } = connect("127.0.0.1:5002");
  assertThrows(() => access.received(connection, tokenFrame("a.b.c")), NetlabError);
});
