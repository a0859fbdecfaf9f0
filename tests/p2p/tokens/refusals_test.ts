/**
 * What a server with keys refuses, byte by byte on a socket, each with its own code.
 *
 * @module
 */
import { assert, assertEquals, assertInstanceOf, assertStringIncludes } from "@std/assert";
import { base64url, exportSPKI, importJWK, type JWK } from "jose";
import {
  Capability,
  ErrorCode,
  FrameType,
  Information,
  MAX_TOKEN_BYTES,
  NetlabError,
  readCapabilities,
  readSessionWelcome,
  Registration,
  writeInformationRequest,
  writePeerRegistration,
  writeSessionRegistration,
  writeToken,
} from "@netlab/protocol";
import { addKey, type Algorithm, createKeys, type JsonKey, publicKeys } from "@netlab/p2p/keys";
import { P2pServer } from "@netlab/p2p/server";
import { RttServer } from "@netlab/rtt/server";
import { eventually, RawParty, storageTest as test } from "../network.ts";
import { admitted, answerTo, inSeconds, KeyFiles, OFFICE, present, sign } from "./test_network.ts";

const ALGORITHMS: readonly Algorithm[] = ["HS256", "EdDSA", "ES256"];

/** A token without a signature that claims to be anybody's. */
function unsigned(alg: string): string {
  const part = (value: unknown) => base64url.encode(JSON.stringify(value));
  const claims = { sub: "Alice", aud: OFFICE, role: "user", exp: inSeconds(600) };
  return `${part({ alg })}.${part(claims)}.`;
}

/** Changes one character in the middle of a part of a token. */
function damage(token: string, part: number): string {
  const parts = token.split(".");
  const text = parts[part]!;
  const at = text.length >> 1;
  parts[part] = text.slice(0, at) + (text[at] === "A" ? "B" : "A") + text.slice(at + 1);
  return parts.join(".");
}

/** Tokens that every server refuses, and the codes of their refusal. */
const REFUSED: Record<string, [(files: KeyFiles) => string | Promise<string>, number]> = {
  "no token": [() => "", ErrorCode.TokenInvalid],
  "words": [() => "secret", ErrorCode.TokenInvalid],
  "three dots": [() => "...", ErrorCode.TokenInvalid],
  "a damaged signature": [async (f) => damage(await f.token(), 2), ErrorCode.TokenInvalid],
  "damaged claims": [async (f) => damage(await f.token(), 1), ErrorCode.TokenInvalid],
  "a cut token": [async (f) => (await f.token()).slice(0, -9), ErrorCode.TokenInvalid],
  "no signature": [
    async (f) => (await f.token()).replace(/[^.]*$/, ""),
    ErrorCode.TokenInvalid,
  ],
  "another key of the same id": [
    async (f) => {
      const { kid, alg } = f.set.keys[0]!;
      const other = await createKeys(OFFICE, alg as Algorithm);
      return f.token({}, { ...other.keys[0]!, kid: kid! });
    },
    ErrorCode.TokenInvalid,
  ],
  "an unknown key": [
    async (f) => {
      const other = await createKeys(OFFICE, f.set.keys[0]!.alg as Algorithm);
      return f.token({}, other.keys[0]!);
    },
    ErrorCode.TokenInvalid,
  ],
  "the algorithm none": [() => unsigned("none"), ErrorCode.TokenUnsigned],
  "the algorithm NONE": [() => unsigned("NoNe"), ErrorCode.TokenUnsigned],
  "another network": [(f) => f.token({ aud: "home" }), ErrorCode.TokenForOtherNetwork],
  "other networks": [(f) => f.token({ aud: ["home", "a"] }), ErrorCode.TokenForOtherNetwork],
  "an expired token": [(f) => f.token({ exp: inSeconds(-30) }), ErrorCode.TokenExpired],
  "a token that expired long ago": [(f) => f.token({ exp: 0 }), ErrorCode.TokenExpired],
  "a token of tomorrow": [(f) => f.token({ nbf: inSeconds(86_400) }), ErrorCode.TokenNotYetValid],
  "no sub": [(f) => f.token({ sub: undefined }), ErrorCode.TokenIncomplete],
  "an empty sub": [(f) => f.token({ sub: "" }), ErrorCode.TokenIncomplete],
  "a number as sub": [(f) => f.token({ sub: 7 }), ErrorCode.TokenIncomplete],
  "a long sub": [(f) => f.token({ sub: "x".repeat(256) }), ErrorCode.TokenIncomplete],
  "no aud": [(f) => f.token({ aud: undefined }), ErrorCode.TokenIncomplete],
  "no exp": [(f) => f.token({ exp: undefined }), ErrorCode.TokenIncomplete],
  "a text as exp": [(f) => f.token({ exp: "never" }), ErrorCode.TokenIncomplete],
  "a text as nbf": [(f) => f.token({ nbf: "now" }), ErrorCode.TokenIncomplete],
  "no role": [(f) => f.token({ role: undefined }), ErrorCode.TokenIncomplete],
  "the role admin": [(f) => f.token({ role: "admin" }), ErrorCode.TokenIncomplete],
  "the roles user and server": [
    (f) => f.token({ role: ["user", "server"] }),
    ErrorCode.TokenIncomplete,
  ],
  "a number as jti": [(f) => f.token({ jti: 7 }), ErrorCode.TokenIncomplete],
  "a long token": [(f) => f.token({ more: "x".repeat(7_000) }), ErrorCode.TokenTooLong],
};

for (const algorithm of ALGORITHMS) {
  test(`server with a key for ${algorithm} refuses every wrong token with its code`, async () => {
    using files = await KeyFiles.create(algorithm);
    await using server = await files.listen();
    for (const [name, [make, code]] of Object.entries(REFUSED)) {
      const token = await make(files);
      await using party = await present(server, token);
      const error = await answerTo(party);
      assertInstanceOf(error, NetlabError, name);
      assertEquals([error.code, error.fatal], [code, true], `${name}: ${error.message}`);
      // Says what to do, and nothing of the token.
      assertStringIncludes(error.message, ";", name);
      if (token.length > 20) assert(!error.message.includes(token.slice(0, 20)), name);
      await party.ended;
    }
    // The server goes on, and knows a good token.
    await using _ = await admitted(server, await files.token());
  });
}

test("server tolerates clocks that differ by less than five seconds, not more", async () => {
  using files = await KeyFiles.create();
  await using server = await files.listen();
  await using late = await present(server, await files.token({ exp: inSeconds(-7) }));
  assertEquals((await answerTo(late) as NetlabError).code, ErrorCode.TokenExpired);
  await using early = await present(server, await files.token({ nbf: inSeconds(30) }));
  assertEquals((await answerTo(early) as NetlabError).code, ErrorCode.TokenNotYetValid);
  await using _ = await admitted(server, await files.token({ nbf: inSeconds(3) }));
});

test("the key decides the algorithm: no public key is taken for a shared secret", async () => {
  for (const algorithm of ["EdDSA", "ES256"] as const) {
    using files = await KeyFiles.create(algorithm);
    await using server = await files.listen();
    const [open] = publicKeys(files.set).keys;
    const { x, y = "" } = open!;
    const claims = { sub: "Alice", aud: OFFICE, role: "user", exp: inSeconds(600) };
    const spki = await pem(open!);
    const secrets = [
      base64url.decode(x as string),
      base64url.decode(`${x}${y}`),
      new TextEncoder().encode(spki),
      new TextEncoder().encode(JSON.stringify(open)),
      new TextEncoder().encode(Deno.readTextFileSync(files.path("keys.json"))),
    ];
    for (const secret of secrets) {
      for (const kid of [open!.kid, undefined]) {
        const token = await sign(claims, { alg: "HS256", kid }, secret);
        await using party = await present(server, token);
        assertEquals((await answerTo(party) as NetlabError).code, ErrorCode.TokenAlgorithm);
      }
    }
  }
});

async function pem(jwk: JsonKey): Promise<string> {
  return await exportSPKI(await importJWK({ ...jwk, ext: true } as JWK, jwk.alg!) as CryptoKey);
}

test("a key in the header of a token does not count", async () => {
  using files = await KeyFiles.create("EdDSA");
  await using server = await files.listen();
  const own = (await createKeys(OFFICE, "EdDSA")).keys[0]!;
  const { kid } = files.set.keys[0]!;
  const [jwk] = publicKeys({ keys: [own] }).keys;
  const claims = { sub: "Alice", aud: OFFICE, role: "user", exp: inSeconds(600) };
  for (const more of [{ jwk }, { jku: "http://127.0.0.1:1/keys" }, { x5u: "http://127.0.0.1:1" }]) {
    const token = await sign(claims, { alg: "EdDSA", kid, ...more }, own);
    await using party = await present(server, token);
    assertEquals((await answerTo(party) as NetlabError).code, ErrorCode.TokenInvalid);
  }
});

test("server with several keys requires a token to name its key", async () => {
  using files = await KeyFiles.create();
  files.set = await addKey(files.set);
  files.writeKeys();
  await using server = await files.listen();
  const key = files.set.keys[1]!;
  const claims = { sub: "Alice", aud: OFFICE, role: "user", exp: inSeconds(600) };
  await using party = await present(server, await sign(claims, { alg: "HS256" }, key));
  assertEquals((await answerTo(party) as NetlabError).code, ErrorCode.TokenInvalid);
  for (const each of files.set.keys) {
    await using _ = await admitted(server, await files.token({}, each));
  }
});

test("a token may be for several networks", async () => {
  using files = await KeyFiles.create();
  await using server = await files.listen();
  await using _ = await admitted(server, await files.token({ aud: ["home", OFFICE] }));
});

test("server with keys takes nothing else from a stranger", async () => {
  using files = await KeyFiles.create();
  await using server = await files.listen({ system: RttServer });
  for (let type = 0; type <= 12; type++) {
    for (let subtype = 0; subtype <= 7; subtype++) {
      const isFree = (type === 0 && subtype === 2) || type === 4 || (type === 2 && subtype === 4);
      // A legacy client gets a text.
      if (isFree || (type === 2 && subtype === 1)) continue;
      await using party = await RawParty.connect(server);
      party.send(type, subtype, 0, 0, 0, 0);
      const { code, fatal } = await party.nextError();
      assertEquals([code, fatal], [ErrorCode.TokenRequired, true], `${type}/${subtype}`);
      await party.ended;
    }
  }
});

test("a stranger may ask for capabilities and send small echoes", async () => {
  using files = await KeyFiles.create();
  await using server = await files.listen({ system: RttServer });
  await using party = await RawParty.connect(server);
  writeInformationRequest(party.out, Information.Capabilities);
  const words = readCapabilities((await party.next(FrameType.InformationResponse)).payload);
  assert(words.has(Capability.Tokens) && words.has(`network=${OFFICE}`));
  party.out.frame(FrameType.Echo, 0, new Uint8Array(64));
  assertEquals((await party.next(FrameType.Echo)).payload.length, 64);
  party.out.frame(FrameType.Echo, 0, new Uint8Array(65));
  assertEquals((await party.nextError()).code, ErrorCode.TokenRequired);
  await party.ended;
});

test("frames that arrive with the token are handled once it has been checked", async () => {
  using files = await KeyFiles.create();
  await using server = await files.listen();
  await using party = await RawParty.connect(server);
  writeToken(party.out, await files.token());
  writeSessionRegistration(party.out, { name: "Alice", session: crypto.randomUUID() });
  assertEquals((await party.next(FrameType.Registration)).subtype, Registration.Token);
  const welcome = await party.next(FrameType.Registration);
  assertEquals(readSessionWelcome(welcome.payload).name, "Alice");
  assertEquals(server.localUsers(), ["Alice"]);

  await using other = await RawParty.connect(server);
  writeToken(other.out, `${await files.token()}x`);
  writeSessionRegistration(other.out, { name: "Bob", session: crypto.randomUUID() });
  assertEquals((await other.nextError()).code, ErrorCode.TokenInvalid);
  await other.ended;
  assertEquals(server.localUsers(), ["Alice"]);
});

test("server ends a connection without a token after five seconds", async () => {
  using files = await KeyFiles.create();
  await using server = await files.listen();
  await using silent = await RawParty.connect(server);
  await using asking = await RawParty.connect(server);
  const start = performance.now();
  let isOver = false;
  void asking.ended.then(() => isOver = true);
  await eventually("the end", () => {
    // Questions do not prolong it.
    if (!isOver) writeInformationRequest(asking.out, Information.Capabilities);
    return isOver;
  });
  assertEquals((await silent.nextError()).code, ErrorCode.TokenRequired);
  assert(performance.now() - start >= 4_900);
  await silent.ended;
});

test("a role permits what belongs to it, and nothing else", async () => {
  using files = await KeyFiles.create();
  await using server = await files.listen({ system: RttServer });
  const register = (party: RawParty) =>
    writeSessionRegistration(party.out, { name: "Alice", session: crypto.randomUUID() });
  const link = (party: RawParty) =>
    writePeerRegistration(party.out, {
      server: crypto.randomUUID(),
      address: "127.0.0.1:9",
      network: OFFICE,
    });
  const codeOf = async (role: string, write: (party: RawParty) => void) => {
    await using party = await admitted(server, await files.token({ role }));
    write(party);
    return (await party.nextError()).code;
  };
  assertEquals(await codeOf("user", link), ErrorCode.NotPermitted);
  assertEquals(await codeOf("observer", link), ErrorCode.NotPermitted);
  assertEquals(await codeOf("observer", register), ErrorCode.NotPermitted);
  assertEquals(await codeOf("server", register), ErrorCode.NotPermitted);
  for (const type of [1, 3, 5, 6, 8, 9]) {
    const code = await codeOf("observer", (party) => party.send(type, 0, 0, 0, 0, 0));
    assertEquals(code, ErrorCode.NotPermitted, `type ${type}`);
  }
  for (const role of ["user", "server", "observer"]) {
    await using party = await admitted(server, await files.token({ role }));
    for (const kind of Object.values(Information)) {
      writeInformationRequest(party.out, kind);
      assertEquals((await party.next(FrameType.InformationResponse)).subtype, kind);
    }
    party.out.frame(FrameType.Echo, 0, new Uint8Array(2_000));
    assertEquals((await party.next(FrameType.Echo)).payload.length, 2_000);
    // A second token changes nothing.
    writeToken(party.out, await files.token({ sub: "Bob" }));
    assertEquals((await party.nextError()).code, ErrorCode.AlreadyRegistered);
  }
});

test("a user registers only with the name in the token", async () => {
  using files = await KeyFiles.create();
  await using server = await files.listen();
  await using party = await admitted(server, await files.token());
  writeSessionRegistration(party.out, { name: "Bob", session: crypto.randomUUID() });
  assertEquals((await party.nextError()).code, ErrorCode.TokenForOtherName);
  await party.ended;
  await using other = await admitted(server, await files.token());
  writeSessionRegistration(other.out, { name: "Alice", session: crypto.randomUUID() });
  assertEquals((await other.next(FrameType.Registration)).subtype, Registration.Session);
  assertEquals(server.localUsers(), ["Alice"]);
});

test("server answers the token of a server with its own", async () => {
  using files = await KeyFiles.create();
  await using server = await files.listen();
  await using peer = await present(server, await files.token({ role: "server", sub: "two" }));
  assertEquals(await answerTo(peer), Deno.readTextFileSync(files.path("one.token")));
  await using user = await present(server, await files.token());
  assertEquals(await answerTo(user), "");
});

test("server without a token of its own takes users, but no servers", async () => {
  using files = await KeyFiles.create();
  await using server = await P2pServer.listen({ keys: files.path("keys.json") });
  await using _ = await admitted(server, await files.token());
  await using peer = await present(server, await files.token({ role: "server" }));
  assertEquals((await answerTo(peer) as NetlabError).code, ErrorCode.TokenRequired);
});

test("an open server takes no token", async () => {
  await using server = await RttServer.listen();
  await using party = await RawParty.connect(server);
  writeToken(party.out, "a.b.c");
  assertEquals((await party.nextError()).code, ErrorCode.UnknownType);
  // It is still of use.
  writeSessionRegistration(party.out, { name: "Alice", session: crypto.randomUUID() });
  await party.next(FrameType.Registration);
});

test("a token is not longer than 8 KiB", async () => {
  using files = await KeyFiles.create();
  await using server = await files.listen();
  await using party = await RawParty.connect(server);
  party.out.frame(FrameType.Registration, Registration.Token, new Uint8Array(MAX_TOKEN_BYTES + 1));
  assertEquals((await party.nextError()).code, ErrorCode.TokenTooLong);
  await using longest = await RawParty.connect(server);
  longest.out.frame(
    FrameType.Registration,
    Registration.Token,
    new Uint8Array(MAX_TOKEN_BYTES).fill(65),
  );
  assertEquals((await longest.nextError()).code, ErrorCode.TokenInvalid);
});
