/**
 * The import rules, read from the module graph. Owns the table of what each package may import; a
 * change to it is a change of the design.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { ignoreUnless } from "./permissions.ts";

/** Each package, and the other packages that its modules may import. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  protocol: [],
  terminal: ["protocol"],
  basic: ["protocol"],
  p2p: ["protocol"],
  rtt: ["protocol", "p2p"],
  web: ["protocol"],
  nats: ["protocol"],
  lab: ["protocol", "basic", "p2p", "rtt", "nats", "terminal"],
};

/** Whether a module is a program or part of one: it may import `terminal` as well. */
const isProgram = (path: string) => /^(basic|p2p|rtt)\/terminal\//.test(path);

/** Whether a module runs in a browser. It may import the client, whose sources the server serves with it. */
const isPage = (path: string) => /^web\/pages\//.test(path);

interface Dependency {
  specifier: string;
  code?: { specifier: string };
  type?: { specifier: string };
  isDynamic?: boolean;
}

interface Module {
  specifier: string;
  dependencies?: Dependency[];
}

const root = new URL("..", import.meta.url).href;

/** The modules of the workspace that these entry points reach, by path. */
async function graph(...entries: string[]): Promise<Map<string, Dependency[]>> {
  const modules = new Map<string, Dependency[]>();
  for (const entry of entries) {
    const { stdout, success } = await new Deno.Command(Deno.execPath(), {
      args: ["info", "--json", new URL(entry, root).href],
      stdin: "null",
      stderr: "inherit",
    }).output();
    assert(success, `deno info ${entry} failed`);
    const { modules: found } = JSON.parse(new TextDecoder().decode(stdout)) as {
      modules: Module[];
    };
    for (const { specifier, dependencies } of found) {
      if (specifier.startsWith(root)) modules.set(specifier.slice(root.length), dependencies ?? []);
    }
  }
  return modules;
}

/** The path of an import in the workspace. */
function target(dependency: Dependency): string | undefined {
  const specifier = (dependency.code ?? dependency.type)?.specifier;
  return specifier?.startsWith(root) ? specifier.slice(root.length) : undefined;
}

/** The modules that are loaded when a module runs, without dynamic imports. */
function loadedBy(modules: Map<string, Dependency[]>, ...entries: string[]): Set<string> {
  const loaded = new Set<string>();
  const follow = (path: string) => {
    if (loaded.has(path)) return;
    loaded.add(path);
    for (const dependency of modules.get(path) ?? []) {
      const to = target(dependency);
      if (to !== undefined && !dependency.isDynamic && dependency.code) follow(to);
    }
  };
  entries.forEach(follow);
  return loaded;
}

/** Whether an import loads nothing before it is used. */
function isLazy({ isDynamic, code }: Dependency): boolean {
  return isDynamic === true || code === undefined;
}

const packageOf = (path: string) => path.includes("/") ? path.slice(0, path.indexOf("/")) : "";

const ENTRIES = [
  "mod.ts",
  "demo.ts",
  "terminal/mod.ts",
  "lab/terminal/lab.ts",
  "p2p/core/mod.ts",
  "p2p/terminal/client_program.ts",
  "p2p/terminal/server_program.ts",
  "p2p/terminal/top/top_program.ts",
  "web/mod.ts",
  "web/pages/chat/main.ts",
  "web/pages/network/main.ts",
];

Deno.test({
  name: "packages import only the packages to their left",
  ignore: ignoreUnless.run || ignoreUnless.read,
  fn: async () => {
    const modules = await graph(...ENTRIES);
    const seen = new Set<string>();
    for (const [path, dependencies] of modules) {
      const allowed = MAY_IMPORT[packageOf(path)];
      if (!allowed) continue;
      seen.add(packageOf(path));
      for (const dependency of dependencies) {
        const to = target(dependency);
        if (to === undefined || packageOf(to) === packageOf(path) || packageOf(to) === "links") {
          continue;
        }
        const fine = allowed.includes(packageOf(to)) ||
          (packageOf(to) === "terminal" && isProgram(path)) ||
          (packageOf(to) === "p2p" && isPage(path)) ||
          // A server program loads its pages when they are wanted.
          (/^(web|nats)$/.test(packageOf(to)) && isProgram(path) && isLazy(dependency));
        assert(fine, `${path} may not import ${to}`);
      }
    }
    assertEquals(
      [...seen].sort(),
      Object.keys(MAY_IMPORT).sort(),
      "the graph reaches every package",
    );
  },
});

/**
 * The folders and files of the core, from the top down: a module imports only from its own folder and
 * from those further down.
 */
const CORE_LAYERS: readonly (readonly string[])[] = [
  ["mod.ts"],
  ["routing_core.ts"],
  ["dispatch.ts", "assembly"],
  ["frame_rule.ts", "status"],
  ["durable"],
  ["routing"],
  ["users", "legacy", "star"],
  ["mesh"],
  ["access"],
  ["host.ts"],
  ["connection"],
  ["mailbox", "session", "message_log.ts"],
  ["server_limits.ts", "watch"],
  ["dedup", "limits.ts", "receipt.ts", "logger.ts"],
];

/** Which layer a module of the core is in, from the top down, and its folder or file there. */
function locateInCore(path: string): { layer: number; folder: string } {
  const [folder] = path.slice("p2p/core/".length).split("/") as [string];
  return { layer: CORE_LAYERS.findIndex((folders) => folders.includes(folder)), folder };
}

Deno.test({
  name: "folders of the core import only from folders further down",
  ignore: ignoreUnless.run || ignoreUnless.read,
  fn: async () => {
    const folders = new Set<string>();
    for (const [path, dependencies] of await graph("p2p/core/mod.ts")) {
      if (!path.startsWith("p2p/core/")) continue;
      const from = locateInCore(path);
      folders.add(from.folder);
      assert(from.layer >= 0, `${path} has no place among the layers of the core`);
      for (const dependency of dependencies) {
        const to = target(dependency);
        if (!to?.startsWith("p2p/core/")) continue;
        const { layer, folder } = locateInCore(to);
        assert(folder === from.folder || layer > from.layer, `${path} may not import ${to}`);
      }
    }
    assertEquals([...folders].sort(), CORE_LAYERS.flat().sort(), "the graph reaches every layer");
  },
});

Deno.test({
  name: "no module imports itself through others, not even for a type",
  ignore: ignoreUnless.run || ignoreUnless.read,
  fn: async () => {
    const modules = await graph(...ENTRIES);
    const done = new Set<string>();
    const visit = (path: string, importers: readonly string[]) => {
      const at = importers.indexOf(path);
      assert(at < 0, `an import cycle: ${[...importers.slice(at), path].join(" -> ")}`);
      if (done.has(path)) return;
      for (const dependency of modules.get(path) ?? []) {
        const to = target(dependency);
        // A dynamic import makes no cycle.
        if (to !== undefined && !dependency.isDynamic) visit(to, [...importers, path]);
      }
      done.add(path);
    };
    for (const path of modules.keys()) visit(path, []);
  },
});

/** What a program that imports a system loads. */
const LIBRARIES = ["basic/mod.ts", "p2p/mod.ts", "rtt/mod.ts", "nats/mod.ts", "lab/mod.ts"];

Deno.test({
  name: "importing a system starts and prints nothing",
  ignore: ignoreUnless.run || ignoreUnless.read,
  fn: async () => {
    for (const entry of LIBRARIES) {
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        // It has no permissions and ends by itself, so it cannot have opened anything or set a timer.
        args: ["run", "--no-prompt", new URL(entry, root).href],
        stdin: "null",
      }).output();
      const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
      assertEquals([code, text(stdout), text(stderr)], [0, "", ""], entry);
    }
  },
});

Deno.test({
  name: "importing a system loads nothing of the programs, of SQLite, traces or the line editor",
  ignore: ignoreUnless.run || ignoreUnless.read,
  fn: async () => {
    for (const entry of LIBRARIES) {
      const modules = await graph(entry);
      for (const path of loadedBy(modules, entry)) {
        assert(packageOf(path) !== "terminal", `${entry} loads ${path}`);
        assert(!lazy(modules, path), `${path} loads SQLite or the line editor for ${entry}`);
      }
    }
  },
});

/** The programs, and what each imports as soon as it runs. */
const PROGRAM_ENTRIES: Record<string, string> = {
  "p2p/server.ts": "p2p/terminal/server_program.ts",
  "p2p/client.ts": "p2p/terminal/client_program.ts",
  "rtt/server.ts": "p2p/terminal/server_program.ts",
  "rtt/client.ts": "rtt/terminal/client_program.ts",
};

Deno.test({
  name: "a program loads SQLite and the line editor only when it uses them",
  ignore: ignoreUnless.run || ignoreUnless.read,
  fn: async () => {
    for (const [entry, program] of Object.entries(PROGRAM_ENTRIES)) {
      const modules = await graph(entry);
      assert(
        [...modules.keys()].some((path) => lazy(modules, path)),
        `${entry} never loads either`,
      );
      for (const path of loadedBy(modules, entry, program)) {
        assert(!lazy(modules, path), `${path} loads SQLite or the line editor for ${entry}`);
      }
    }
  },
});

/** Whether a module imports SQLite or the line editor as soon as it is loaded. */
function lazy(modules: Map<string, Dependency[]>, path: string): boolean {
  return (modules.get(path) ?? []).some(({ specifier, isDynamic, code }) =>
    code && !isDynamic && /^(node:(sqlite|readline)|@opentelemetry\/api)$/.test(specifier)
  );
}

Deno.test({
  name: "the routing core uses no I/O, no clock and no randomness",
  ignore: ignoreUnless.run || ignoreUnless.read,
  fn: async () => {
    const modules = await graph("p2p/core/mod.ts");
    const loaded = [...modules.keys()];
    assert(loaded.includes("p2p/core/routing_core.ts"));
    assert(loaded.includes("protocol/codec/frame.ts"));
    // All that the core loads, the codec included.
    for (const path of loaded) {
      assert(/^(p2p\/core|protocol\/codec)\//.test(path), `the core may not import ${path}`);
      for (const { specifier } of modules.get(path)!) {
        assert(!/^(node|npm|jsr):/.test(specifier), `${path} may not import ${specifier}`);
      }
      const source = await Deno.readTextFile(new URL(path, root));
      const code = source.replaceAll(/\/\*[^]*?\*\/|\/\/.*/g, "");
      const used =
        /\b(Deno|Date|performance|setTimeout|setInterval|crypto|fetch)\b\s*[.(]|Math\.random/
          .exec(code);
      assertEquals(used?.[0], undefined, `${path} uses ${used?.[0]}`);
    }
  },
});

Deno.test({
  name: "the core loads of the protocol only the codec",
  ignore: ignoreUnless.run || ignoreUnless.read,
  fn: async () => {
    const protocol = [...(await graph("p2p/core/mod.ts", "rtt/core/chooser.ts")).keys()]
      .filter((path) => path.startsWith("protocol/"));
    assert(protocol.includes("protocol/codec/frame.ts"));
    const others = protocol.filter((path) => !path.startsWith("protocol/codec/"));
    assertEquals(others, []);
  },
});

Deno.test({
  name: "libraries never print",
  ignore: ignoreUnless.run || ignoreUnless.read,
  fn: async () => {
    for (const path of (await graph(...ENTRIES)).keys()) {
      if (!(packageOf(path) in MAY_IMPORT) || packageOf(path) === "terminal") continue;
      const source = await Deno.readTextFile(new URL(path, root));
      assert(!/\bconsole\.|Deno\.(stdout|stderr)\.write/.test(source), `${path} prints`);
    }
  },
});

/** What writes escape sequences to the terminal. Other text goes through `print` or a logger, which escape it. */
const WRITES_AS_IT_IS = [
  "p2p/terminal/screen/keyboard.ts",
  "p2p/terminal/screen/terminal_screen.ts",
  "terminal/input/prompt.ts",
  "terminal/output/log.ts",
  "terminal/output/output.ts",
  "terminal/output/print.ts",
  "terminal/output/screen/live.ts",
  "terminal/output/screen/terminal.ts",
];

Deno.test({
  name: "only the modules that draw on the terminal write to it without escaping",
  ignore: ignoreUnless.run || ignoreUnless.read,
  fn: async () => {
    const writing: string[] = [];
    for (const path of (await graph(...ENTRIES)).keys()) {
      if (!(packageOf(path) in MAY_IMPORT)) continue;
      const source = await Deno.readTextFile(new URL(path, root));
      const code = source.replaceAll(/\/\*[^]*?\*\/|\/\/.*/g, "");
      const isWriting =
        /\bprintPart\b|\bSTANDARD_TERMINAL\.write|\bterminal\??\.write\(/.test(code) ||
        /\bconsole\.|\bDeno\.(stdout|stderr)\b(?!\.isTerminal)|\bstdout\.write\b/.test(code);
      if (isWriting) writing.push(path);
      const json = /\bprint(Error)?\(\s*JSON\.stringify/.test(code);
      assert(!json, `${path} prints JSON without escaping it: use toJson`);
    }
    assertEquals(writing.sort(), WRITES_AS_IT_IS);
  },
});

Deno.test({
  name: "no plain object is a table for names that come from others",
  ignore: ignoreUnless.run || ignoreUnless.read,
  fn: async () => {
    for (const path of (await graph(...ENTRIES)).keys()) {
      if (!(packageOf(path) in MAY_IMPORT)) continue;
      const source = await Deno.readTextFile(new URL(path, root));
      // A constant of this type is looked up by text: "constructor" would be found in it.
      const table = /\bconst \w+: (Readonly<)?Record<string, .*= \{$/m.exec(source)?.[0];
      // Filled key by key, from names that the program itself defines.
      const isFine = path === "terminal/input/options.ts";
      assert(table === undefined || isFine, `${path}: use a Map instead of ${table}`);
      assert(!/\w in this\.#/.test(source), `${path} looks up a key with "in"`);
    }
  },
});
