import { assert, assertEquals, assertThrows } from "@std/assert";
import { processTest as test } from "../kinds.ts";
import { ignoreUnless } from "../permissions.ts";
import { Process } from "../processes.ts";
import { commandsIn, documentedCommands } from "./commands.ts";
import { RULES } from "./rules.ts";

/** All programs and the namespaces end within this time: milliseconds. */
const LONGEST_MS = 120_000;

/** Starts `enter.ts`. */
function enter(...args: string[]) {
  const options = { permissions: ["-A"], deadlineMs: LONGEST_MS };
  return Process.run("tests/docs/enter.ts", args, options);
}

const canEnter = !ignoreUnless.run && Deno.build.os === "linux" && (await enter()).code === 0;
if (!canEnter && !ignoreUnless.run) {
  // deno-lint-ignore no-console -- says why tests are ignored
  console.log(
    "The documented commands are not run: this needs Linux, unshare and ip, and root or a system " +
      "that lets users create namespaces.",
  );
}

for (
  const [what, program] of [
    ["documented commands do what the documentation says", "one_machine.ts"],
    ["documented servers on several machines link with each other", "several_machines.ts"],
    ["clients behind a tunnel stay in the network at its other end", "tunnel.ts"],
  ]
) {
  Deno.test({
    name: what!,
    ignore: !canEnter,
    async fn() {
      const { code, stdout, stderr } = await enter(`tests/docs/${program}`);
      assertEquals(code, 0, [...stdout, ...stderr].join("\n"));
    },
  });
}

Deno.test({
  name: "every documented command has a rule, and every rule is used",
  ignore: ignoreUnless.read,
  fn() {
    const commands = documentedCommands();
    const used = new Set(commands.map(({ at, command }) => {
      const rule = RULES.find(({ matches }) => matches.test(command));
      assert(rule, `${at}: no rule of tests/docs/rules.ts says how to test this: ${command}`);
      return rule;
    }));
    for (const rule of RULES) assert(used.has(rule), `no command needs the rule ${rule.matches}`);
  },
});

test("documented commands use options that their programs have", async () => {
  const help = new Map<string, Promise<string>>();
  const helpOf = (program: string) => {
    const known = help.get(program) ??
      Process.run(program, ["--help"]).then(({ stdout, stderr }) => {
        return [...stdout, ...stderr].join("\n");
      });
    help.set(program, known);
    return known;
  };
  const { tasks } = JSON.parse(Deno.readTextFileSync("deno.json"));
  await Promise.all(
    documentedCommands().map(async ({ at, command }) => {
      const [, name] = /\bdeno task (\S+)/.exec(command) ?? [];
      if (name !== undefined) assert(Object.hasOwn(tasks, name), `${at}: there is no task ${name}`);
      const program = name === undefined
        ? /\b(\S+\.ts)\b/.exec(command)?.[1]
        : /\S+\.ts$/.exec(tasks[name].command)?.[0];
      if (program === undefined || !/^(basic|p2p|rtt)\//.test(program)) return;
      const options = command.slice(command.indexOf(name ?? program)).matchAll(/ (--[a-z-]+)/g);
      for (const [, option] of options) {
        assert((await helpOf(program)).includes(option!), `${at}: ${program} has no ${option}`);
      }
    }),
  );
});

Deno.test({
  name: "commands are found in every form in which pages show them",
  permissions: "none",
  fn() {
    const found = (text: string) =>
      commandsIn("a.md", text).map(({ at, command }) => `${at} ${command}`);
    const text = [
      "Use `deno task a:b --c` or `npx -y deno@2.9 task x`, not `deno`.",
      "```sh",
      "one --a   # a comment",
      "two \\",
      "  --b",
      "three '{",
      '  "c": 1',
      "}' # end",
      "",
      "# only a comment",
      "```",
      "```",
      "$ four --d    $ five",
      "its output",
      "```",
      "```ts",
      "$ not this",
      "```",
    ].join("\n");
    assertEquals(found(text), [
      "a.md:1 deno task a:b --c",
      "a.md:1 npx -y deno@2.9 task x",
      "a.md:3 one --a",
      "a.md:4 two --b",
      `a.md:6 three '{ "c": 1 }'`,
      "a.md:13 four --d",
      "a.md:13 five",
    ]);
    assertThrows(() => found("```sh\none \\\n```"), Error, "does not end");
  },
});
