/**
 * The programs with TLS, as a user would start them.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { freePorts, Process } from "../../processes.ts";
import { TestFolder } from "../../folders.ts";
import { event, PERMISSIONS, SERVER } from "../programs.ts";
import { storageTest } from "../network.ts";

const permissions = PERMISSIONS;

storageTest("programs create certificates, use TLS, and survive the kill of a server", async () => {
  using folder = new TestFolder();
  const dir = `${folder.path}/tls`;
  const create = (...args: string[]) =>
    Process.run("p2p/certificate.ts", [...args, "--dir", dir], {
      permissions: ["--allow-read=./data", "--allow-write=./data"],
    });
  const { code, stdout } = await create("127.0.0.1", "localhost");
  assertEquals(code, 0, stdout.join("\n"));
  assertStringIncludes(
    stdout.join("\n"),
    `--tls-cert ${dir}/server.pem --tls-key ${dir}/server-key.pem`,
  );
  if (Deno.build.os !== "windows") {
    for (const name of ["ca-key.pem", "server-key.pem"]) {
      assertEquals((await Deno.stat(folder.at(`tls/${name}`))).mode! & 0o777, 0o600);
    }
  }
  const ca = await Deno.readTextFile(folder.at("tls/ca.pem"));
  const tls = [
    ...["--tls-cert", `${dir}/server.pem`, "--tls-key", `${dir}/server-key.pem`],
    ...["--tls-ca", `${dir}/ca.pem`],
  ];
  const ports = freePorts(2);
  const peers = ports.flatMap((port) => ["--peer", `tls://127.0.0.1:${port}`]);
  const start = async (index: number) => {
    const args = ["--port", `${ports[index]}`, ...peers, ...tls, "--json"];
    const data = ["--data", `${folder.path}/${index}`];
    const server = Process.start(SERVER, [...args, ...data], { permissions });
    assertEquals((await event(server, "listening")).address, `tls://127.0.0.1:${ports[index]}`);
    return server;
  };
  const send = async (port: number) => {
    const args = ["--name", "Ann", `tls://localhost:${port}`, "--tls-ca", `${dir}/ca.pem`];
    const client = Process.start("p2p/client.ts", args, { permissions, stdin: "piped" });
    await client.write("Bob Hello\n");
    await client.endInput();
    await client.ended;
    return client;
  };
  await using one = await start(0);
  {
    await using two = await start(1);
    await event(one, "link.up");
    assertEquals((await (await send(ports[1]!)).finished()).code, 0);
    two.kill("SIGKILL");
    await two.ended;
  }
  await event(one, "link.down");
  await using _again = await start(1);
  await event(one, "link.up");

  // A new certificate of the same authority, without a restart.
  await create("127.0.0.1", "localhost", "--days", "10");
  const { until } = await event(one, "tls.replaced");
  assert(Date.parse(until as string) < Date.now() + 11 * 24 * 3_600_000);
  assertEquals(await Deno.readTextFile(folder.at("tls/ca.pem")), ca);
  await Deno.writeTextFile(folder.at("tls/server.pem"), "garbage");
  assertStringIncludes(String((await event(one, "tls.refused")).reason), "not one in PEM form");

  const wrong = await create("--name", "ca");
  assertEquals(wrong.code, 1);
  const half = await Process.run(SERVER, ["--tls-cert", `${dir}/server.pem`], { permissions });
  assertEquals([half.code, half.stderr], [2, [
    "error: Options --tls-cert and --tls-key need each other",
  ]]);
});
