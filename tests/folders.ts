/**
 * Folders for tests, below `data/`, where the tasks permit programs to write.
 *
 * @module
 */

const ROOT = new URL("../data/", import.meta.url);

/** A folder that is removed when it is disposed of. */
export class TestFolder implements Disposable {
  /** The path of the folder from the root of the workspace, where programs are started. */
  readonly path: string;

  /** Creates an empty folder. */
  constructor() {
    Deno.mkdirSync(ROOT, { recursive: true });
    const made = Deno.makeTempDirSync({ dir: ROOT.pathname, prefix: "test-" });
    this.path = made.slice(new URL("..", ROOT).pathname.length);
  }

  /** Returns the URL of a file in the folder. */
  at(name: string): URL {
    return new URL(`../${this.path}/${name}`, import.meta.url);
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.at(""), { recursive: true });
  }
}
