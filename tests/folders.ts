/**
 * Folders for tests, where the tasks permit programs to write: below `data/`.
 *
 * @module
 */

const ROOT = new URL("../data/", import.meta.url);

/** A folder that is gone when the test ends. */
export class TestFolder implements Disposable {
  /** The folder, as a program that is started at the root of the workspace is told of it. */
  readonly path: string;

  /** Makes an empty folder. */
  constructor() {
    Deno.mkdirSync(ROOT, { recursive: true });
    const made = Deno.makeTempDirSync({ dir: ROOT.pathname, prefix: "test-" });
    this.path = made.slice(new URL("..", ROOT).pathname.length);
  }

  /** Where something in it is, for this process. */
  at(name: string): URL {
    return new URL(`../${this.path}/${name}`, import.meta.url);
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.at(""), { recursive: true });
  }
}
