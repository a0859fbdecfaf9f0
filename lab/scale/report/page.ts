/**
 * Writes the page about growth, with all its figures, as Markdown.
 *
 * @module
 */
import type { Column } from "@netlab/terminal";
import { LIMITS } from "@netlab/p2p/core";
import { CURVE_COLUMNS, curveRow, RESULT_COLUMNS, resultRow } from "./format.ts";
import { sumOf } from "../link_traffic.ts";
import { NETWORKS } from "../networks.ts";
import { formatBytes, formatNumber } from "./numbers.ts";
import { curvesOf, type ScaleReport, switchAt } from "./report.ts";
import { CHURN_S } from "../simulate_scale.ts";

/**
 * Writes the page. `deno fmt` wraps its lines and aligns its tables.
 *
 * @param picture The path of the chart, relative to the page; `undefined` if there is none.
 */
export function scalePage(report: ScaleReport, picture: string | undefined): string {
  const { results, skipped, real, command } = report;
  const curves = curvesOf(results);
  const crossing = switchAt(curves);
  const used = [...new Set(results.map(({ plan }) => plan.network))];
  const ownLinks = LIMITS.ownLinks.default;
  return [
    "# What growth costs",
    "",
    "This page is written by `deno task lab scale`, which runs the shipped core of many servers in the " +
    "[simulator](simulation.md), and fits curves to what each server sends. No figure is written by hand.",
    "",
    "```sh",
    command,
    "```",
    "",
    ...picture === undefined
      ? []
      : [`![What a server sends by the number of servers](${picture})`, ""],
    "## When to switch",
    "",
    `A server looks for no more links once it has ${ownLinks} (\`--own-links\`). So up to ` +
    `${
      ownLinks + 1
    } servers form a full mesh, and more form a sparse one by themselves: there is nothing to ` +
    "switch. Servers that are told all addresses with `--peer` still link to all of them. " +
    (crossing === undefined
      ? "The simulated sizes do not show from which number of servers on a sparse mesh costs less."
      : `By the curves below, a full mesh sends more than a sparse one from about ${
        crossing.toFixed(0)
      } servers on.`),
    "",
    "A NATS network was not simulated: what it costs is what its servers do, and they are not part of the " +
    "simulator.",
    "",
    "## Curves",
    "",
    "A power law is fitted to the logarithms of the figures in the next table. R² is 1 if it describes them " +
    "exactly.",
    "",
    ...markdownTable(CURVE_COLUMNS, curves.map(curveRow)),
    "",
    "## Simulated networks",
    "",
    ...used.map((network) =>
      `- **${NETWORKS.get(network)!.title}**: ${NETWORKS.get(network)!.about}`
    ),
    "",
    `In all networks, each user joins, leaves or moves once in ${
      CHURN_S / 60
    } minutes on average. All ` +
    "figures are for one server, and those of links without the headers of TCP. Memory is that of the whole " +
    "simulation divided by the servers, so it includes the simulated network. *Start*: until all servers that " +
    "start at once know each other and all users. *Join*: until all know a user who joins, in the slowest of 20 " +
    "cases. *Crash*: until no server has a route to a server that has crashed and whose connections were " +
    "reset; a silent server is noticed within three seconds. *Return*: until the returned server knows all, and " +
    "all know it.",
    "",
    ...markdownTable(RESULT_COLUMNS, results.map(resultRow)),
    "",
    ...skipped.length === 0
      ? []
      : ["Skipped:", "", ...skipped.map(({ why }) => `- ${why.replaceAll("\n", " ")}`), ""],
    ...realPart(report),
  ].join("\n");

  function realPart({ results }: ScaleReport): string[] {
    if (real.length === 0) return [];
    return [
      "## Real servers",
      "",
      "The same networks, users and churn with servers in processes of their own. The bytes on their links are " +
      "those that servers have read, as they [say themselves](operations.md), without those of users. " +
      "The last column compares them with the simulation.",
      "",
      ...markdownTable(
        REAL_COLUMNS,
        real.map(({ plan, bytesPerSecond, memoryBytes }) => {
          const same = results.find((result) =>
            result.plan.network === plan.network && result.plan.servers === plan.servers &&
            result.plan.users === plan.users
          );
          const simulated = same && sumOf(same.perSecond).bytes;
          return [
            formatNumber(plan.servers),
            formatNumber(plan.users),
            formatBytes(bytesPerSecond),
            simulated === undefined ? "not simulated" : formatBytes(simulated),
            simulated === undefined ? "" : `${(100 * bytesPerSecond / simulated).toFixed(0)} %`,
            formatBytes(memoryBytes),
          ];
        }),
      ),
      "",
    ];
  }
}

const REAL_COLUMNS: readonly Column[] = [
  { title: "servers", align: "right" },
  { title: "users", align: "right" },
  { title: "bytes/s", align: "right" },
  { title: "simulated", align: "right" },
  { title: "real / simulated", align: "right" },
  { title: "memory of a process", align: "right" },
];

function markdownTable(columns: readonly Column[], rows: readonly string[][]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [
    line(columns.map(({ title }) => title)),
    line(columns.map(({ align }) => align === "right" ? "--:" : "---")),
    ...rows.map((row) => line(row.map((cell) => cell.replace(/[|\\<^*]/g, "\\$&")))),
  ];
}
