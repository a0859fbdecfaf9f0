import { assertEquals, assertThrows } from "@std/assert";
import { parseOptions, UsageError } from "@netlab/terminal";
import { pureTest as test } from "../kinds.ts";

const OPTIONS = {
  port: { kind: "port", default: 5001, help: "" },
  index: { kind: "integer", max: 4, help: "" },
  size: { kind: "integer", min: 10, help: "" },
  every: { kind: "seconds", help: "" },
  ports: { kind: "port", repeat: true, help: "" },
  peer: { kind: "address", repeat: true, positional: true, help: "" },
  tag: { kind: "string", repeat: true, help: "" },
  name: { kind: "string", help: "" },
  json: { kind: "flag", help: "" },
} as const;

const NOTHING = {
  port: 5001,
  index: undefined,
  size: undefined,
  every: undefined,
  ports: [],
  peer: [],
  tag: [],
  name: undefined,
  json: false,
  help: false,
  version: false,
};

test("parseOptions returns defaults for options that are not given", () => {
  assertEquals(parseOptions(OPTIONS, []), NOTHING);
});

test("parseOptions reads one value of each kind", () => {
  assertEquals(
    parseOptions(OPTIONS, [
      ...["--port", "0", "--index=4", "--size", "10", "--every", "0.5"],
      ...["--name", "Bob, the 1st", "--json"],
    ]),
    { ...NOTHING, port: 0, index: 4, size: 10, every: 0.5, name: "Bob, the 1st", json: true },
  );
});

test("parseOptions collects repeated values and values between commas", () => {
  const { ports, tag } = parseOptions(OPTIONS, [
    ...["--ports", "1,2", "--ports", "3", "--tag", "a,b", "--tag", "5"],
  ]);
  assertEquals({ ports, tag }, { ports: [1, 2, 3], tag: ["a,b", "5"] });
});

test("parseOptions gives values without a name to the positional option", () => {
  const { peer } = parseOptions(OPTIONS, [
    ...["a:1", "--json", "--peer", "[::1]:2", "--", "c:3"],
  ]);
  assertEquals(peer, [
    { hostname: "::1", port: 2 },
    { hostname: "a", port: 1 },
    { hostname: "c", port: 3 },
  ]);
});

test("parseOptions reads a port alone as an address of this machine, in lists too", () => {
  const here = (port: number) => ({ hostname: "127.0.0.1", port });
  const { peer } = parseOptions(OPTIONS, ["5001", "--peer", "5002,a:1,65535", "--peer=1"]);
  assertEquals(peer, [here(5002), { hostname: "a", port: 1 }, here(65_535), here(1), here(5001)]);
});

test("parseOptions reads help and version even when other options are wrong", () => {
  for (const help of ["--help", "-h"]) {
    const values = parseOptions(OPTIONS, ["--port", "x", "--what", help]);
    assertEquals(values.help, true);
  }
  for (const version of ["--version", "-V"]) {
    assertEquals(parseOptions(OPTIONS, [version]).version, true);
  }
});

const wrong: [args: string[], message: string][] = [
  [["--prot", "1"], "Unknown option --prot: did you mean --port? (--help lists them all)"],
  [["--prot=1"], "Unknown option --prot: did you mean --port? (--help lists them all)"],
  [["--jsno"], "Unknown option --jsno: did you mean --json? (--help lists them all)"],
  [["--something-else"], "Unknown option --something-else: --help lists them all"],
  [["--constructor"], "Unknown option --constructor: --help lists them all"],
  [["--__proto__", "1"], "Unknown option --__proto__: --help lists them all"],
  [["--PORTS"], "Unknown option --PORTS: did you mean --ports? (--help lists them all)"],
  [["-p", "5001"], "Unknown option -p: --help lists them all"],
  [["--port"], "Option --port needs a value: --port PORT"],
  [["--port="], "Option --port needs a value: --port PORT"],
  [["--port", ""], "Option --port needs a value: --port PORT"],
  [["--port", "--json"], "Option --port needs a value: --port PORT"],
  [["--ports", "1,,2"], "Option --ports needs a value: --ports PORT"],
  [["--name", "a", "--name", "b"], "Option --name may be given only once"],
  ...["70000", "65536", "abc", "1e3", "0x10", "1.5", "-1", " 1"].map((text): [string[], string] => [
    ["--port", text],
    `Option --port: ${JSON.stringify(text)} is not a port, a number from 0 to 65535`,
  ]),
  [["--index", "5"], 'Option --index: "5" is not a whole number from 0 to 4'],
  [["--size", "9"], 'Option --size: "9" is not a whole number from 10 to 9,007,199,254,740,991'],
  [
    [`--${"o".repeat(500)}`],
    `Unknown option --${"o".repeat(78)}… (502 characters): --help lists them all`,
  ],
  ...["0", "-1", "1e3", "soon", "99999999"].map((text): [string[], string] => [
    ["--every", text],
    `Option --every: ${JSON.stringify(text)} is not a number of seconds above 0, such as 2 or 0.5`,
  ]),
  ...["0", "65536", "123456", "1.5", "host", "a:0", "a:70000", "::1:5001"].map((
    text,
  ): [string[], string] => [
    [text],
    `Option --peer: ${
      JSON.stringify(text)
    } must be HOST:PORT, or a port of this machine (1 to 65535)`,
  ]),
];
for (const [args, message] of wrong) {
  test(`parseOptions refuses ${JSON.stringify(args.join(" "))}`, () => {
    const error = assertThrows(() => parseOptions(OPTIONS, args), UsageError);
    assertEquals(error.message, message);
  });
}

test("parseOptions refuses a value without a name when no option is positional", () => {
  const error = assertThrows(() => parseOptions({}, ["5001"]), UsageError);
  assertEquals(error.message, 'Unexpected "5001": this program takes options only');
});
