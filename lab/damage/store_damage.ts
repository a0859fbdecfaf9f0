/**
 * Damages the stored messages of a server at one place, starts a server with them, and checks that it reports what
 * is lost and delivers the rest once. Knows the layout of the files only as far as it says which messages a place
 * may have damaged.
 *
 * @module
 */
import { P2pClient } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import type { Logger } from "@netlab/p2p/core";
import { NetlabError } from "@netlab/protocol";
import { withDeadline } from "../cluster/deadline.ts";
import { seeded } from "../random.ts";
import { type Damage, damaged, drawDamage } from "./damage.ts";
import { type Ending, makeTemplate, RECIPIENTS, type Template } from "./template.ts";

/** How many places are damaged at a time: their servers mostly wait for the disk. */
const AT_ONCE = 6;
/** How long a server may take to deliver everything: milliseconds. */
const DEADLINE_MS = 60_000;
/** A file with nothing in it. */
const RESERVE = "messages.reserve";
/** The text of the last message to each recipient. */
const LAST = "the last";
/** How far around the text of a message damage may hit what belongs to it: bytes. */
const AROUND_BYTES = 128;
/** Where the pages of a database and the frames of its log begin, and their size: bytes. */
const PAGES = [0, 16_384] as const;
const LOG_FRAMES = [32, 24 + 16_384] as const;
const latin = new TextDecoder("latin1");

/** What became of the messages in a damaged folder. */
export interface DamageResult {
  /** The seed of the place. */
  readonly seed: number;
  /** How the server ended that left the folder. */
  readonly ending: Ending;
  /** The damage. */
  readonly damage: Damage;
  /** How many messages were waiting. */
  readonly waiting: number;
  /** How many of them were not delivered. */
  readonly lost: number;
  /** The damage as the server reported it, in the order of its log. */
  readonly reports: readonly string[];
  /** What should not have happened. Empty if all is well. */
  readonly faults: readonly string[];
}

/** Damages copies of a few folders. */
export class StoreDamage {
  readonly #folder: string;
  readonly #templates: readonly Template[];

  private constructor(folder: string, templates: readonly Template[]) {
    this.#folder = folder;
    this.#templates = templates;
  }

  /** Makes the folders that are then damaged, below `folder`, which must exist. */
  static async prepare(folder: string, seed = 1): Promise<StoreDamage> {
    const templates: Template[] = [];
    for (const ending of ["stopped", "killed", "killed later"] as const) {
      templates.push(await makeTemplate(`${folder}/${ending.replace(" ", "-")}`, ending, seed));
    }
    return new StoreDamage(folder, templates);
  }

  /** Damages places with seeds from `from` on, several at a time. Calls `onResult` with each result. */
  async places(
    from: number,
    count: number,
    onResult: (result: DamageResult) => void,
    stop?: AbortSignal,
  ): Promise<void> {
    let next = from;
    const work = async () => {
      while (next < from + count && !stop?.aborted) onResult(await this.place(next++));
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  }

  /** Damages one place and looks what a server makes of it. The same seed damages the same place. */
  async place(seed: number): Promise<DamageResult> {
    const random = seeded(seed, 1);
    const template = this.#templates[Math.abs(seed) % this.#templates.length]!;
    const { ending, files } = template;
    const sizes = new Map([...files].map(([name, { length }]) => [name, length]));
    sizes.delete(RESERVE);
    const damage = drawDamage(random, sizes);
    const path = `${this.#folder}/place-${seed}`;
    Deno.mkdirSync(path);
    try {
      for (const [name, bytes] of files) {
        const content = name === damage.file ? damaged(bytes, damage, random) : bytes;
        Deno.writeFileSync(`${path}/${name}`, content);
      }
      const run = new Run(path);
      try {
        await withDeadline(run.deliver(), DEADLINE_MS, () => new Error("it did not end in time"));
      } catch (error) {
        run.faults.push(error instanceof NetlabError ? `refused: ${error.message}` : `${error}`);
      }
      const missing = run.compare(template, damage);
      const excused = excuse(template, damage);
      for (const { recipient, text } of missing) {
        if (!excused.has(text)) run.faults.push(`not delivered to ${recipient}: ${brief(text)}`);
      }
      if (missing.length > 0 && run.reports.length === 0) run.faults.push("the log says nothing");
      const { reports, faults } = run;
      return {
        seed,
        ending,
        damage,
        waiting: template.waiting.length,
        lost: missing.length,
        reports,
        faults,
      };
    } finally {
      Deno.removeSync(path, { recursive: true });
    }
  }
}

/** One server with a damaged folder. */
class Run {
  readonly reports: string[] = [];
  readonly faults: string[] = [];
  readonly #path: string;
  readonly #seen = new Map<string, string[]>(RECIPIENTS.map((name) => [name, []]));

  constructor(path: string) {
    this.#path = path;
  }

  /** Starts a server, lets it deliver what it has, and stops it. */
  async deliver(): Promise<void> {
    await using server = await P2pServer.listen({ data: this.#path, logger: this.#logger() });
    const connect = (name: string) => P2pClient.connect({ name, servers: [server.address] });
    const reading = RECIPIENTS.map(async (name) => {
      await using client = await connect(name);
      for await (const { text } of client) {
        if (text === LAST) break;
        this.#seen.get(name)!.push(text);
      }
    });
    await using sender = await connect("Tess");
    for (const name of RECIPIENTS) await sender.send(name, LAST);
    await Promise.all(reading);
  }

  /** Compares what was delivered with what waited. Returns the messages that were not delivered. */
  compare(template: Template, damage: Damage): Template["waiting"] {
    const { waiting, delivered } = template;
    const expected = new Map(waiting.map(({ recipient, text }) => [text, recipient]));
    const found = new Set<string>();
    for (const [name, texts] of this.#seen) {
      for (const text of texts) {
        const id = delivered.get(text);
        // The damage may have hit all that said that this was delivered.
        if (id !== undefined && mayHideOutcome(template, damage, id)) continue;
        if (expected.get(text) !== name) this.faults.push(`wrong for ${name}: ${brief(text)}`);
        else if (found.has(text)) this.faults.push(`delivered twice to ${name}: ${brief(text)}`);
        found.add(text);
      }
    }
    return waiting.filter(({ text }) => !found.has(text));
  }

  #logger(): Logger {
    const log = () => {};
    const report = (message: string, properties: Record<string, unknown> = {}) => {
      const { event } = properties;
      if (typeof event !== "string" || !event.startsWith("storage.")) return;
      this.reports.push(message.replace(/\{(\w+)\}/g, (_, name) => String(properties[name])));
    };
    return { debug: log, info: log, warn: report, error: report };
  }
}

/**
 * Returns the texts of the messages that the damage may have hit: those that are there, the messages next to them,
 * of which a part may be there, and those of which a part is on the same page and another on another page.
 */
function excuse({ files, waiting }: Template, damage: Damage): Set<string> {
  const all = latin.decode(files.get(damage.file)!);
  const textsIn = (start: number, end: number) =>
    [...all.slice(Math.max(0, start), end).matchAll(/<waiting (\d+)>/g)]
      .map(([, index]) => Number(index));
  const excused = new Set<string>();
  for (const index of textsIn(damage.start - AROUND_BYTES, damage.end + AROUND_BYTES)) {
    for (const { text } of waiting.slice(Math.max(0, index - 1), index + 2)) excused.add(text);
  }
  for (const index of new Set(textsIn(...pagesWith(damage)))) {
    const { text } = waiting[index]!;
    if (!all.includes(text)) excused.add(text);
  }
  return excused;
}

/** Whether the record that a message was delivered is on a damaged page. */
function mayHideOutcome({ files }: Template, damage: Damage, id: string): boolean {
  const bytes = Uint8Array.fromHex(id.replaceAll("-", ""));
  const pages = files.get(damage.file)!.subarray(...pagesWith(damage));
  return latin.decode(pages).includes(latin.decode(bytes));
}

/** Returns where the damaged pages begin and end. */
function pagesWith({ file, start, end }: Damage): [start: number, end: number] {
  const [first, size] = file.endsWith("-wal") ? LOG_FRAMES : PAGES;
  const inPage = (at: number) => Math.max(0, at - first) % size;
  return [start - inPage(start), end - 1 + size - inPage(end - 1)];
}

function brief(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}… (${text.length})` : text;
}
