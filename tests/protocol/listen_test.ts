import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { listenOnAddresses, listenOnAll } from "@netlab/protocol";
import { socketTest as test } from "../kinds.ts";

/** Whether this machine has both addresses of `localhost`. */
const hasBoth = (() => {
  try {
    Deno.listen({ hostname: "::1", port: 0 }).close();
    return true;
  } catch {
    return false;
  }
})();

/** An address that no machine has. */
const NOBODY = "192.0.2.1";

function close({ listeners }: ReturnType<typeof listenOnAddresses>): void {
  for (const listener of listeners) listener.close();
}

test("listening on several addresses uses one port for all", async () => {
  const addresses = hasBoth ? ["127.0.0.1", "::1"] : ["127.0.0.1"];
  for (let round = 0; round < 10; round++) {
    const listening = listenOnAddresses(addresses, 0);
    const { listeners, refused } = listening;
    assertEquals(listeners.map(({ addr }) => addr.hostname), addresses);
    assertEquals(new Set(listeners.map(({ addr }) => addr.port)).size, 1);
    assertEquals(refused, []);
    for (const { addr } of listeners) {
      (await Deno.connect({ hostname: addr.hostname, port: addr.port })).close();
    }
    close(listening);
  }
});

test("listening on several addresses tells which the system refuses, and uses the others", () => {
  const listening = listenOnAddresses([NOBODY, "127.0.0.1"], 0);
  assertEquals(listening.listeners.length, 1);
  assert(listening.refused[0]!.address.startsWith(`${NOBODY}:`));
  close(listening);
  const error = assertThrows(() => listenOnAddresses([NOBODY], 0), Error);
  assertEquals(error.constructor, listening.refused[0]!.error.constructor);
});

test("listening fails and keeps no port when the port is in use on one of the addresses", () => {
  if (!hasBoth) return;
  using other = Deno.listen({ hostname: "::1", port: 0 });
  const { port } = other.addr;
  assertThrows(() => listenOnAddresses(["127.0.0.1", "::1"], port), Deno.errors.AddrInUse);
  Deno.listen({ hostname: "127.0.0.1", port }).close();
});

test("listening on a name uses the addresses that the name has", async () => {
  const listening = await listenOnAll({ hostname: "localhost", port: 0 });
  const { listeners } = listening;
  assert(listeners.some(({ addr }) => ["127.0.0.1", "::1"].includes(addr.hostname)));
  for (const { addr } of listeners) {
    (await Deno.connect({ hostname: addr.hostname, port: addr.port })).close();
  }
  close(listening);
  await assertRejects(() => listenOnAll({ hostname: "no-such-name.invalid", port: 0 }), Error);
});
