/**
 * The id of a session follows from its key, and a proof of a move is good for that move only.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { isMoveProof, moveProof, NIL_UUID, sessionIdOf } from "@netlab/protocol";
import { pureTest as test } from "../kinds.ts";

const KEY = "3f2b8c1e-9d4a-4e57-8a61-0c5d7e9f1a2b";
const A = "a0000000-0000-4000-8000-000000000001";
const B = "b0000000-0000-4000-8000-000000000002";

test("the id of a session is a UUID of version 8 from the SHA-256 of its key", async () => {
  const bytes = Uint8Array.fromHex(KEY.replaceAll("-", ""));
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
  const id = sessionIdOf(KEY);
  const masked = `${hash.slice(0, 12)}8${hash.slice(13, 16)}${id[19]}${hash.slice(17, 32)}`;
  assertEquals(id.replaceAll("-", ""), masked);
  assertEquals([id[14], "89ab".includes(id[19]!)], ["8", true]);
  assert(sessionIdOf(id) !== id, "a session id is no key of the same session");
});

test("the key of an older client is its own id, and the nil UUID stays nil", () => {
  const old = "0192f0c4-7a3e-7b21-9c55-3d1f6e8a0b42";
  assertEquals([sessionIdOf(old), sessionIdOf(NIL_UUID)], [old, NIL_UUID]);
});

test("the proof of a move proves no other move", async () => {
  const move = { to: A, from: B, name: "Zoë" };
  const proof = moveProof(KEY, move);
  assertEquals(proof.length, 16);
  const key = await crypto.subtle.importKey(
    "raw",
    Uint8Array.fromHex(KEY.replaceAll("-", "")),
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["sign"],
  );
  const [to, from] = [A, B].map((id) => id.replaceAll("-", "")) as [string, string];
  const text = new TextEncoder().encode("netlab move\0").toHex() + to + from +
    new TextEncoder().encode("Zoë").toHex();
  const mac = new Uint8Array(await crypto.subtle.sign("HMAC", key, Uint8Array.fromHex(text)));
  assertEquals(proof.toHex(), mac.toHex().slice(0, 32));
  assert(isMoveProof(proof, KEY, move));
  for (const other of [{ to: B }, { from: A }, { name: "Zoe" }]) {
    assert(!isMoveProof(proof, KEY, { ...move, ...other }));
  }
  assert(!isMoveProof(proof, A, move));
  assert(!isMoveProof(proof.subarray(0, 15), KEY, move));
  for (let i = 0; i < 16; i++) assert(!isMoveProof(proof.with(i, proof[i]! ^ 1), KEY, move));
});
