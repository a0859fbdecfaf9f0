import { assertEquals } from "@std/assert";
import { describeError } from "@netlab/terminal";
import { ErrorCode, NetlabError } from "@netlab/protocol";
import { pureTest as test } from "../kinds.ts";

const { errors } = Deno;
const IN_USE = "the address is in use; choose another port, or end the program that listens there";

const cases: [what: string, error: unknown, line: string][] = [
  [
    "netlab's own errors by their sentence alone",
    new NetlabError(ErrorCode.NoSuchUser, "Cannot deliver to Bob: nobody has that name", {
      cause: new Error("hidden"),
    }),
    "Cannot deliver to Bob: nobody has that name",
  ],
  ["a port in use", new errors.AddrInUse("Address already in use (os error 98)"), IN_USE],
  [
    "what was being done, and why it failed",
    new Error("Cannot listen on a:1", { cause: new errors.AddrInUse("os error 98") }),
    `Cannot listen on a:1: ${IN_USE}`,
  ],
  [
    "a refused connection",
    new errors.ConnectionRefused("os error 111"),
    "connection refused; is a server running there?",
  ],
  [
    "a name that nobody knows",
    new Error("failed to lookup address information: Name or service not known"),
    "the host name is not known; check its spelling, or use an IP address",
  ],
  [
    "a missing permission, with the flag that gives it",
    new errors.NotCapable(
      'Requires net access to "127.0.0.1:5001", run again with the --allow-net flag',
    ),
    "No permission for net access to 127.0.0.1:5001; " +
    'add --allow-net=127.0.0.1:5001 after "deno run"',
  ],
  [
    "a missing permission behind another error",
    new NetlabError(ErrorCode.ConnectionLost, "Cannot connect", {
      cause: new errors.NotCapable('Requires env access to "HOME", run again with …'),
    }),
    'No permission for env access to HOME; add --allow-env=HOME after "deno run"',
  ],
  [
    "a missing permission that no smaller flag gives",
    new errors.NotCapable('Requires all access to "/dev/full", run again with …'),
    'No permission for all access to /dev/full; add --allow-all after "deno run"',
  ],
  [
    "a missing permission for something without a name",
    new errors.NotCapable("Requires read access to <CWD>, run again with the --allow-read flag"),
    'No permission for read access to <CWD>; add --allow-read after "deno run"',
  ],
  [
    "several errors, each once",
    new AggregateError([new Error("a"), new Error("b"), new Error("a")], "Cannot connect"),
    "Cannot connect: a; b",
  ],
  ["text in one line without control characters", new Error("a\r\n  b\x1b[2Jc"), "a b\uFFFD[2Jc"],
  ["an error without a message", new RangeError(), "RangeError"],
  ["what is no error", "just text", "just text"],
];
for (const [what, error, line] of cases) {
  test(`describeError describes ${what}`, () => assertEquals(describeError(error), line));
}
