/** Which requests the web server answers, and which not. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { once } from "node:events";
import { connect } from "node:tls";
import { P2pServer } from "@netlab/p2p/server";
import { WebServer } from "@netlab/web";
import { socketTest as test, storageTest, unixProcessTest } from "../kinds.ts";
import { eventually } from "../p2p/network.ts";
import { PERMISSIONS, SERVER } from "../p2p/programs.ts";
import { TestAuthority } from "../p2p/tls/certificates.ts";
import { Process } from "../processes.ts";
import { head, openSocket, request, socketFrame, upgrade } from "./raw_http.ts";

test("every answer forbids a page to load or run anything of other hosts", async () => {
  await using server = await P2pServer.listen();
  await using web = await WebServer.listen(server);
  for (const path of ["/", "/chat", "/source/web/pages/chat/main.ts", "/nothing", "/servers"]) {
    const { headers } = await request(web.port, path);
    const policy = headers.get("content-security-policy")!;
    assertMatch(policy, /default-src 'none'; script-src 'self'; style-src 'self'/);
    assertMatch(policy, /frame-src 'self'; frame-ancestors 'none'/);
    assert(!/unsafe|\*|https?:|data:|blob:/.test(policy), policy);
    assertEquals(headers.get("x-content-type-options"), "nosniff");
    assertEquals(headers.get("referrer-policy"), "no-referrer");
    assertEquals(headers.get("access-control-allow-origin"), null);
  }
});

test("pages contain no inline code and no inline style", async () => {
  await using server = await P2pServer.listen();
  await using web = await WebServer.listen(server);
  for (const path of ["/", "/chat"]) {
    const { status, text } = await request(web.port, path);
    assertEquals(status, 200);
    assert(!/<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=|https?:\/\//.test(text), text);
  }
});

test("files have a type and a tag, and are not sent again", async () => {
  await using server = await P2pServer.listen();
  await using web = await WebServer.listen(server);
  const path = "/source/protocol/codec/frame.ts";
  const first = await request(web.port, path);
  assertEquals(first.status, 200);
  assertMatch(first.headers.get("content-type")!, /^text\/javascript/);
  assert(!/: (string|number)\b/.test(first.text.replaceAll(/\/\*[^]*?\*\/|\/\/.*/g, "")));
  const etag = first.headers.get("etag")!;
  const again = await request(web.port, path, { "if-none-match": etag });
  assertEquals([again.status, again.text], [304, ""]);
  assertEquals((await request(web.port, path, {}, "HEAD")).text, "");
  assertEquals((await request(web.port, path, {}, "POST")).status, 405);
});

test("nothing but the files of the pages can be read", async () => {
  await using server = await P2pServer.listen();
  await using web = await WebServer.listen(server);
  for (
    const path of [
      "/source/../deno.json",
      "/source/web/../../deno.json",
      "/source/p2p/server.ts",
      "/source/web/server/web_server.ts",
      "/source/%2e%2e/deno.json",
      "/source/__proto__/x",
      "/library/../../etc/passwd",
      "//etc/passwd",
      "/source/",
      "/library/",
    ]
  ) {
    assertEquals((await request(web.port, path)).status, 404, path);
  }
});

test("requests with a host name of somebody else are refused", async () => {
  await using server = await P2pServer.listen();
  await using web = await WebServer.listen(server, { origin: "https://chat.example" });
  const answered = [
    "127.0.0.1",
    "127.0.0.1:1",
    "localhost:80",
    "[::1]:8080",
    "chat.example",
    "192.0.2.1",
  ];
  for (const host of answered) {
    assertEquals((await request(web.port, "/chat", { host })).status, 200, host);
  }
  const refused = [
    "evil.example",
    "evil.example:80",
    "chat.example.evil.example",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "127.0.0.1@evil.example",
    "evil.example#127.0.0.1",
    "a b",
  ];
  for (const host of refused) {
    for (const path of ["/chat", "/servers", "/metrics", "/readyz"]) {
      assertEquals((await request(web.port, path, { host })).status, 421, `${host} ${path}`);
    }
    const socket = await request(web.port, "/connection", upgrade(web.port, { host }));
    assertEquals(socket.status, 421, host);
  }
});

test("WebSockets of pages of somebody else are refused", async () => {
  await using server = await P2pServer.listen();
  await using web = await WebServer.listen(server);
  const { port } = web;
  const ask = async (origin: string | undefined, more = {}) => {
    const headers = upgrade(port, { connection: "upgrade", ...more });
    if (origin === undefined) delete headers.origin;
    else headers.origin = origin;
    return (await request(port, "/connection", headers)).status;
  };
  for (
    const origin of [
      undefined,
      "null",
      "http://evil.example",
      `http://127.0.0.1:${port + 1}`,
      `http://localhost:${port}`,
      `http://127.0.0.1:${port}.evil.example`,
      `http://127.0.0.1:${port}@evil.example`,
      `http://127.0.0.1:${port}/path`,
      "file://",
    ]
  ) {
    assertEquals(await ask(origin), 403, origin);
  }
  assertEquals(
    (await request(port, "/elsewhere", upgrade(port, { connection: "upgrade" }))).status,
    404,
  );
  (await openSocket(port)).close();
});

test("page of another server of the network may open a WebSocket, also after that server was lost", async () => {
  await using one = await P2pServer.listen();
  await using web = await WebServer.listen(one);
  const two = await P2pServer.listen({ peers: [one.address] });
  const other = await WebServer.listen(two);
  const ask = async () => {
    using conn = await Deno.connect({ hostname: "127.0.0.1", port: web.port });
    await conn.write(head(web.port, "/connection", upgrade(web.port, { origin: other.origin })));
    const buffer = new Uint8Array(12);
    await conn.read(buffer);
    return new TextDecoder().decode(buffer).slice(9);
  };
  await eventually(
    "the server knows the pages of the other one",
    async () => await ask() === "101",
  );
  const page = await request(web.port, "/chat");
  const allowed = other.origin.replace("http", "ws");
  assertMatch(
    page.headers.get("content-security-policy")!,
    new RegExp(`connect-src 'self' ${allowed};`),
  );
  await other.close();
  await two.close();
  await eventually("the other server is lost", () => one.peers().length === 0);
  assertEquals(await ask(), "101");
});

test("port that is in use, and addresses that others reach, are explained", async () => {
  await using server = await P2pServer.listen();
  await using web = await WebServer.listen(server);
  const again = () => WebServer.listen(server, { port: web.port });
  await assertRejects(again, Error, "the port is in use; choose another one with --web");
  for (const hostname of ["0.0.0.0", "::", "192.0.2.1"]) {
    const open = () => WebServer.listen(server, { hostname });
    await assertRejects(open, TypeError, "without keys");
  }
  const bad = () => WebServer.listen(server, { origin: "chat.example" });
  await assertRejects(bad, TypeError, "Cannot use the origin");
});

test("WebSocket that sends a long message, text, or no frames of its own is closed", async () => {
  await using server = await P2pServer.listen();
  await using web = await WebServer.listen(server);
  const cases: Record<string, (conn: Deno.TcpConn) => Promise<unknown>> = {
    // Announced, and hardly sent.
    long: (conn) => conn.write(socketFrame(new Uint8Array(10), 2, 2 ** 30)),
    text: (conn) => conn.write(socketFrame(new TextEncoder().encode("hello"), 1)),
    garbage: (conn) => conn.write(new Uint8Array(64).fill(0xff)),
    "not masked": (conn) => conn.write(Uint8Array.of(0x82, 1, 0)),
    pings: async (conn) => {
      const ping = new Uint8Array(64 * 1024);
      for (let at = 0; at + 6 <= ping.length; at += 6) ping.set([0x89, 0x80], at);
      for (let i = 0; i < 64; i++) await conn.write(ping);
    },
  };
  for (const [name, send] of Object.entries(cases)) {
    const conn = await openSocket(web.port);
    await send(conn).catch(() => {});
    const buffer = new Uint8Array(64 * 1024);
    await eventually(`the WebSocket is closed: ${name}`, async () => {
      return await conn.read(buffer).catch(() => null) === null;
    });
    conn.close();
  }
  assertEquals((await request(web.port, "/healthz")).status, 200);
});

test("a page that reads nothing is closed and the server stays", async () => {
  await using server = await P2pServer.listen();
  await using web = await WebServer.listen(server);
  const conn = await openSocket(web.port);
  // Asks for much and reads nothing: the answers are many times as long as the requests.
  const requests = new Uint8Array(6_000).fill(0);
  for (let at = 0; at < requests.length; at += 6) requests[at + 1] = 2;
  let sent = 0;
  const flood = (async () => {
    for (; sent < 64 * 1024 * 1024;) {
      const frame = socketFrame(requests);
      for (let at = 0; at < frame.length;) at += await conn.write(frame.subarray(at));
      sent += frame.length;
    }
  })().catch(() => {});
  // The server stops to read, so the sender has to wait.
  let before = -1;
  await eventually("the sender waits", async () => {
    const isStuck = sent === before;
    before = sent;
    await new Promise((resolve) => setTimeout(resolve, 500));
    return isStuck && sent === before;
  });
  assert(sent < 32 * 1024 * 1024, `${sent}`);
  assertEquals((await request(web.port, "/readyz")).status, 200);
  conn.close();
  await flood;
});

storageTest("pages use TLS with the certificate of the server", async () => {
  using authority = new TestAuthority();
  const { tlsCert, tlsKey, tlsCa } = await authority.server();
  await using server = await P2pServer.listen({ tlsCert, tlsKey, tlsCa });
  await using web = await WebServer.listen(server, { hostname: "localhost", tlsCert, tlsKey });
  assertEquals(web.origin, `https://localhost:${web.port}`);
  const caCerts = [await Deno.readTextFile(tlsCa)];
  using client = Deno.createHttpClient({ caCerts });
  const page = await fetch(`${web.origin}/chat`, { client });
  assertEquals(page.status, 200);
  await page.body?.cancel();
  using conn = await Deno.connectTls({ hostname: "localhost", port: web.port, caCerts });
  const headers = { host: `localhost:${web.port}`, ...upgrade(web.port, { origin: web.origin }) };
  await conn.write(head(web.port, "/connection", headers));
  const buffer = new Uint8Array(12);
  await conn.read(buffer);
  assertEquals(new TextDecoder().decode(buffer), "HTTP/1.1 101");

  const serial = async () => {
    const options = { host: "127.0.0.1", port: web.port, rejectUnauthorized: false };
    const socket = connect(options);
    await once(socket, "secureConnect");
    const { serialNumber } = socket.getPeerCertificate();
    socket.destroy();
    return serialNumber;
  };
  const before = await serial();
  await authority.create();
  await eventually("the new certificate is in use", async () => await serial() !== before);
});

unixProcessTest("server program says in one sentence what is wrong with its pages", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const cases: [string[], string][] = [
    [["--web", `${listener.addr.port}`], "the port is in use; choose another one with --web"],
    [["--web", "tls://127.0.0.1:8080"], "leave out tls://"],
    [["--web", "0.0.0.0:8080"], "add --keys and --token-file, or permit it with --open"],
    [["--web-origin", "https://chat.example"], "requires --web"],
    [["--web", "8080", "--web-origin", "chat.example"], "it must be http://HOST or https://HOST"],
  ];
  await Promise.all(cases.map(async ([args, reason]) => {
    const { code, stderr } = await Process.run(SERVER, ["--port", "0", ...args], {
      permissions: PERMISSIONS,
    });
    assert(code > 0 && stderr[0]!.includes(reason), `${args}: ${stderr}`);
  }));
});
