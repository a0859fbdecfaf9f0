/**
 * Runs tests in a browser. They need permissions that other tests must not have, so each file of `browser/` runs in a
 * process of its own. Without a browser they are ignored, unless the variable `NETLAB_BROWSER` is `required`.
 *
 * @module
 */
import { assert } from "@std/assert";
import { ignoreUnless } from "../permissions.ts";

/** Where systems put Chromium. */
const PLACES = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/snap/bin/chromium",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/** The path of Chromium; `undefined` if there is none. */
export const chromium: string | undefined = ignoreUnless.read ? undefined : PLACES.find(exists);

const env = { name: "env", variable: "NETLAB_BROWSER" } as const;
const isRequired = Deno.permissions.querySync(env).state === "granted" &&
  Deno.env.get(env.variable) === "required";

const isMissing = chromium === undefined && !ignoreUnless.read;
if (isMissing && !isRequired) {
  // deno-lint-ignore no-console -- a person should know why
  console.warn("Tests in a browser are ignored: install chromium (apt-get install chromium)");
}

/**
 * Defines one test that runs the tests of a file.
 *
 * @param name What they show.
 * @param file Its name in `tests/web/browser/`.
 */
export function browserTests(name: string, file: string): void {
  Deno.test({
    name,
    ignore: ignoreUnless.run || ignoreUnless.read || (isMissing && !isRequired),
    sanitizeOps: true,
    sanitizeResources: true,
    fn: async () => {
      assert(chromium, "NETLAB_BROWSER is required: install chromium (apt-get install chromium)");
      const path = new URL(`browser/${file}`, import.meta.url).pathname;
      const root = new URL("../..", import.meta.url);
      const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["test", "-A", "-q", "--no-check", "--preload=./tests/invariants.ts", path],
        cwd: root,
        stdin: "null",
        env: { NO_COLOR: "1" },
      }).output();
      const text = new TextDecoder();
      assert(success, `${text.decode(stdout)}\n${text.decode(stderr)}`);
    },
  });
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
