/** The demo to look at, as a person starts it. */
import { assert, assertEquals } from "@std/assert";
import { freePorts } from "@netlab/lab/cluster";
import { processTest as test } from "../kinds.ts";
import { Process } from "../processes.ts";
import { request } from "./raw_http.ts";

test("demo serves the pages of three servers and ends by itself", async () => {
  const port = freePorts(1)[0]!;
  const args = ["--port", `${port}`, "--seconds", "3"];
  const permissions = ["--allow-net=127.0.0.1", `--allow-run=${Deno.execPath()}`];
  await using demo = Process.start("web_demo.ts", args, { permissions });
  await demo.waitFor(`Open http://127.0.0.1:${port}/`);
  const { status, text } = await request(port, "/servers");
  assertEquals(status, 200);
  assert(JSON.parse(text).own.startsWith("paris.example"));
  assertEquals((await demo.finished()).code, 0);
});
