import { assertEquals, assertRejects } from "@std/assert";
import { findHost, listenOn, listenOnFirstFree } from "@netlab/terminal";
import { DEFAULT_PORTS } from "@netlab/protocol";
import { pureTest as test } from "../kinds.ts";

const inUse = () => Promise.reject(new Deno.errors.AddrInUse("os error 98"));

test("listenOn names the address, and keeps the error as the cause", async () => {
  const error = await assertRejects(() => listenOn("::1", 5001, inUse), Error);
  assertEquals(error.message, "Cannot listen on [::1]:5001");
  assertEquals(error.cause instanceof Deno.errors.AddrInUse, true);
});

test("listenOn does not change errors in the options", async () => {
  const wrong = new TypeError("Cannot take the name");
  const error = await assertRejects(
    () => listenOn("::1", 1, () => Promise.reject(wrong)),
    TypeError,
  );
  assertEquals(error, wrong);
});

test("listenOnFirstFree skips ports that are in use", async () => {
  const tried: number[] = [];
  const server = await listenOnFirstFree("127.0.0.1", (port) => {
    tried.push(port);
    return port === 5003 ? Promise.resolve("server") : inUse();
  });
  assertEquals({ server, tried }, { server: "server", tried: [5001, 5002, 5003] });
});

test("listenOnFirstFree stops at any other error", async () => {
  const tried: number[] = [];
  const error = await assertRejects(() =>
    listenOnFirstFree("192.0.2.1", (port) => {
      tried.push(port);
      return Promise.reject(new Deno.errors.AddrNotAvailable("os error 99"));
    }), Error);
  assertEquals({ message: error.message, tried }, {
    message: "Cannot listen on 192.0.2.1:5001",
    tried: [5001],
  });
});

test("listenOnFirstFree says that all ports are in use", async () => {
  const error = await assertRejects(() => listenOnFirstFree("127.0.0.1", inUse), Error);
  assertEquals(
    error.message,
    `Cannot find a free port: ${DEFAULT_PORTS.join(", ")} are in use; choose another with --port`,
  );
});

test("findHost finds an address, and gives up when it is told to stop", async () => {
  const stop = new AbortController();
  assertEquals(await findHost("127.0.0.1", stop.signal), true);
  stop.abort(new Error("stop"));
  assertEquals(await findHost("127.0.0.1", stop.signal), false);
});
