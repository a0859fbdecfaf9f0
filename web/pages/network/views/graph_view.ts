/**
 * The drawing of the network as a part of the page. What it shows is also in the lists beside it, for those who do not
 * see it or use no pointer.
 *
 * @module
 */
/// <reference lib="dom" />
import { useEffect, useRef } from "preact/hooks";
import { html } from "../../common/view.ts";
import { Graph } from "../graph/graph.ts";
import type { Watcher } from "../watch/watcher.ts";
import { plural } from "./figures.ts";

/** Shows the drawing. */
export function GraphView({ watcher }: { watcher: Watcher }): unknown {
  const base = useRef<HTMLCanvasElement>(null);
  const top = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const graph = new Graph(
      { base: base.current!, top: top.current! },
      watcher,
    );
    return () => graph.close();
  }, [watcher]);
  const { network } = watcher;
  const label = `Graph of the network: ${plural(network.there.length, "server")}, ` +
    `${plural(network.links.length, "link")}, ${
      plural(network.users.size, "user")
    }. The list of servers has the same.`;
  return html`
    <div class="graph" role="img" aria-label=${label}>
      <canvas ref=${base}></canvas>
      <canvas ref=${top}></canvas>
    </div>
  `;
}
