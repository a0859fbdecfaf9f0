/**
 * An attacker, in a process of its own. Waits for a line of JSON that says what to do, does it, prints what
 * it has used, and waits for the next line.
 *
 * @module
 */
import { constants, setPriority } from "node:os";
import { print, toJson } from "@netlab/terminal";
import { seeded } from "../random.ts";
import type { AttackOrder, AttackUse } from "./attacker.ts";
import { ATTACKS } from "./attacks/mod.ts";
import { inputLines } from "./input_lines.ts";
import { Allowance } from "./attacks/raw_connection.ts";

/** How long an attack may take to end. A write to a server that does not read may never end. Milliseconds. */
const END_MS = 300;

if (import.meta.main) {
  if (Deno.args.includes("--elsewhere")) setPriority(constants.priority.PRIORITY_LOW);
  print("ready");
  for await (const line of inputLines()) {
    const { attack, ms, maxBytes, seed, ...order } = JSON.parse(line) as AttackOrder;
    const allowance = new Allowance(ms, maxBytes);
    const started = performance.now();
    const over = new Promise<void>((resolve) =>
      allowance.over.addEventListener("abort", () => setTimeout(resolve, END_MS))
    );
    const attacking = ATTACKS[attack]({ ...order, allowance, random: seeded(seed, 7) }).catch(
      (error) => {
        // The end of the attack ends whatever it waits for.
        if (!allowance.over.aborted) throw error;
      },
    );
    await Promise.race([attacking, over]);
    const { connections, closedByOthers, sentBytes, readBytes } = allowance;
    const use: AttackUse = {
      ms: Math.round(performance.now() - started),
      ...{ connections, closedByOthers, sentBytes, readBytes },
    };
    print(toJson(use));
  }
}
