/**
 * Finds the commands in the documentation: in blocks marked `sh`, behind `$ ` in examples of a terminal, and in
 * code spans of the text that start a program of netlab.
 *
 * @module
 */

const root = new URL("../../", import.meta.url);

/** A command in the documentation. */
export interface DocumentedCommand {
  /** Where it is: `docs/messaging.md:128`. */
  readonly at: string;
  /** The command in one line, without its comment. */
  readonly command: string;
  /** A number for its block. Spans in the text have none. */
  readonly block: number | undefined;
}

/** Returns the commands of all pages for users and contributors. */
export function documentedCommands(): DocumentedCommand[] {
  const pages = [...Deno.readDirSync(new URL("docs/", root))]
    .filter(({ name }) => name.endsWith(".md")).map(({ name }) => `docs/${name}`);
  return ["README.md", "CONTRIBUTING.md", ...pages.sort()].flatMap((page) =>
    commandsIn(page, Deno.readTextFileSync(new URL(page, root)))
  );
}

/** Returns the commands of one page. */
export function commandsIn(page: string, text: string): DocumentedCommand[] {
  const found: DocumentedCommand[] = [];
  let language: string | undefined;
  let block = 0;
  let pending: { at: string; text: string } | undefined;
  const add = (at: string, command: string, block: number | undefined) => {
    const clean = command.replace(/(^|\s)#\s.*$/s, "").replace(/\s+/g, " ").trim();
    if (clean !== "") found.push({ at, command: clean, block });
  };
  for (const [index, line] of text.split("\n").entries()) {
    const at = `${page}:${index + 1}`;
    const fence = /^\s*```(\S*)/.exec(line);
    if (fence) {
      if (pending) throw new Error(`${pending.at}: the command does not end`);
      language = language === undefined ? fence[1] : undefined;
      block++;
    } else if (language === undefined) {
      for (const [, span] of line.matchAll(/`((?:npx -y deno@\S+|deno) (?:task|run) [^`]+)`/g)) {
        add(at, span!, undefined);
      }
    } else if (language === "sh") {
      // A quotation or a backslash at the end continues a command in the next line.
      const joined = pending ? `${pending.text}\n${line}` : line;
      const start = pending?.at ?? at;
      if (joined.endsWith("\\")) pending = { at: start, text: joined.slice(0, -1) };
      else if ((joined.match(/'/g) ?? []).length % 2 === 1) pending = { at: start, text: joined };
      else {
        add(start, joined, block);
        pending = undefined;
      }
    } else if (language === "") {
      // Two terminals may be shown next to each other.
      for (const [, command] of line.matchAll(/(?:^|\s{4})\$ (.+?)(?=\s{4}\$ |$)/g)) {
        add(at, command!, block);
      }
    }
  }
  return found;
}
