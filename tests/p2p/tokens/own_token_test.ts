/** To which servers a client sends its token. */
import { assertEquals } from "@std/assert";
import { ErrorCode, NetlabError } from "@netlab/protocol";
import { OwnToken } from "@netlab/p2p/client";
import { pureTest as test } from "../../kinds.ts";
import { inSeconds, OFFICE, sign } from "./test_network.ts";

const KEY = new Uint8Array(32);
const claims = { sub: "Alice", role: "user", exp: inSeconds(600) };
const WORDS = new Set(["session", "tokens", `network=${OFFICE}`]);

/** The token that a server gets, or the code of the reason why it gets none. */
async function sentTo(
  own: OwnToken,
  address: string,
  isEncrypted = false,
  words: Set<string> = WORDS,
): Promise<string | number | undefined> {
  try {
    return await own.for(address, { isEncrypted }, words);
  } catch (error) {
    if (error instanceof NetlabError) return error.code;
    throw error;
  }
}

test("client sends its token to other machines only over encrypted connections", async () => {
  const token = await sign({ ...claims, aud: OFFICE }, { alg: "HS256" }, KEY);
  for (const source of [token, () => ` ${token}\n`, () => Promise.resolve(token)]) {
    const own = new OwnToken(source);
    assertEquals(await sentTo(own, "127.0.0.1:5001"), token);
    assertEquals(await sentTo(own, "[::1]:5001"), token);
    assertEquals(await sentTo(own, "10.0.0.1:5001"), ErrorCode.NotEncrypted);
    assertEquals(await sentTo(own, "one.example:5001"), ErrorCode.NotEncrypted);
    assertEquals(await sentTo(own, "one.example:5001", true), token);
  }
  assertEquals(await sentTo(new OwnToken(token, true), "10.0.0.1:5001"), token);
});

test("client sends its token only to servers that state its network", async () => {
  const one = new OwnToken(await sign({ ...claims, aud: OFFICE }, { alg: "HS256" }, KEY));
  const sent = (...words: string[]) => sentTo(one, "127.0.0.1:5001", false, new Set(words));
  assertEquals(await sent("session"), ErrorCode.Unsupported);
  assertEquals(await sent(), ErrorCode.Unsupported);
  assertEquals(await sent("tokens"), ErrorCode.OtherNetwork);
  assertEquals(await sent("tokens", "network=home"), ErrorCode.OtherNetwork);
  assertEquals(await one.network(undefined), OFFICE);
  assertEquals(await one.network(OFFICE), OFFICE);
  assertEquals(await one.network("home").catch(({ code }) => code), ErrorCode.TokenForOtherNetwork);
  const aud = [OFFICE, "home"];
  const several = new OwnToken(await sign({ ...claims, aud }, { alg: "HS256" }, KEY));
  assertEquals(await several.network("home"), "home");
  assertEquals(
    await several.network(undefined).catch(({ code }) => code),
    ErrorCode.TokenForOtherNetwork,
  );
});

test("client without a token sends none, and says when it needs one", async () => {
  const none = new OwnToken(undefined);
  assertEquals(await none.network(undefined), undefined);
  assertEquals(await sentTo(none, "10.0.0.1:5001", false, new Set(["session"])), undefined);
  assertEquals(await sentTo(none, "10.0.0.1:5001"), ErrorCode.TokenRequired);
});
