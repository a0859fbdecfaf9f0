import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  dial,
  ErrorCode,
  type HostReach,
  mayName,
  nearer,
  NetlabError,
  reachOf,
} from "@netlab/protocol";
import { pureTest, socketTest } from "../kinds.ts";

const HOSTS: Record<HostReach, readonly string[]> = {
  machine: [
    "127.0.0.1",
    "127.255.0.9",
    "localhost",
    "a.localhost",
    "::1",
    "[::1]",
    "::ffff:127.0.0.1",
  ],
  segment: ["169.254.169.254", "fe80::1", "fe80::1%eth0", "::ffff:169.254.1.1"],
  private: [
    ...["10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.9.9", "192.168.1.1", "100.64.0.1"],
    ...["198.18.0.1", "192.0.0.8", "fc00::1", "fdff::1", "fec0::1", "::ffff:10.0.0.1"],
  ],
  public: [
    ...["8.8.8.8", "172.15.0.1", "172.32.0.1", "11.0.0.1", "100.63.0.1", "100.128.0.1"],
    ...["203.0.113.7", "2606:4700::1", "2001:db8::1", "::ffff:8.8.8.8"],
  ],
  nowhere: [
    ...["0.0.0.0", "0.1.2.3", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"],
    ...["::", "ff02::1", "::7f00:1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:a00:1::"],
  ],
  name: ["chat.example", "metadata", "server-2"],
};

pureTest("hosts reach as far as the registries of addresses say", () => {
  for (const [reach, hosts] of Object.entries(HOSTS)) {
    for (const host of hosts) assertEquals(reachOf(host), reach, host);
  }
});

pureTest("a party names only hosts that reach at least as far as its own", () => {
  const order: HostReach[] = ["machine", "segment", "private", "public"];
  for (const [by, namer] of order.entries()) {
    for (const [at, reach] of order.entries()) {
      for (const host of HOSTS[reach]) {
        assertEquals(mayName(namer, host), at >= by, `${namer} ${host}`);
      }
      assertEquals(nearer(namer, reach), order[Math.min(by, at)]);
    }
    for (const host of HOSTS.nowhere) assert(!mayName(namer, host), host);
    for (const host of HOSTS.name) assert(mayName(namer, host), host);
  }
  // A party of which only a name is known is treated like one on the internet.
  assert(!mayName("name", "10.0.0.1") && mayName("name", "8.8.8.8"));
});

socketTest(
  "dial connects to no address that its namer may not name, nor to a name that leads there",
  async () => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    let accepted = 0;
    const accepting = (async () => {
      for await (const conn of listener) {
        accepted++;
        conn.close();
      }
    })();
    for (
      const host of ["127.0.0.1", "localhost", "[::1]", "tls://127.0.0.1", "TLS://LOCALHOST"]
    ) {
      for (const namedBy of ["public", "private", "segment", "name"] as const) {
        const error = await assertRejects(
          () => dial(`${host}:${port}`, undefined, { namedBy }),
          NetlabError,
        );
        assertEquals([error.code, error.message.includes("unknown")], [
          ErrorCode.ConnectionLost,
          true,
        ]);
      }
    }
    const connection = await dial(`localhost:${port}`, undefined, { namedBy: "machine" });
    assertEquals(reachOf(connection.ip!), "machine");
    connection.abort();
    await new Promise((resolve) => setTimeout(resolve, 20));
    assertEquals(accepted, 1);
    listener.close();
    await accepting;
  },
);
