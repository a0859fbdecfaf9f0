/**
 * The route between the two selected servers, and why it was chosen.
 *
 * @module
 */
import { html } from "../../common/view.ts";
import type { Route, RouteExplanation } from "../model/routes.ts";
import type { Watcher } from "../watch/watcher.ts";
import { milliseconds, plural } from "./figures.ts";

/** Shows the route; nothing if there are no two servers selected. */
export function RouteCard({ watcher }: { watcher: Watcher }): unknown {
  const { network, selection } = watcher;
  const { from, to } = selection;
  if (from === undefined || to === undefined) return null;
  const { nameOf } = network;
  const explanation = network.explain(from, to);
  const { route, others, isComplete } = explanation;
  const most = Math.max(...[route, ...others].map((one) => one ? cost(one) : 0));
  const act = (run: () => void) => () => {
    run();
    watcher.tell();
  };
  return html`
    <section class="route" aria-label="Route">
      <header>
        <h2>Route from ${nameOf(from)} to ${nameOf(to)}</h2>
        <button type="button" class="button plain" onClick=${act(() => selection.swap())}>
          Other way
        </button>
        <button type="button" class="button plain" onClick=${act(() => selection.clear())}>
          Close
        </button>
      </header>
      <p class="why" role="status">${why(explanation, nameOf)}</p>
      ${route
        ? html`
          <ol class="routes">
            <${Bar} route=${route} part=${cost(route) / most} nameOf=${nameOf} isChosen=${true}
              isComplete=${isComplete} />
            ${others.map((other) =>
              html`
                <${Bar} key=${other.path.join()} route=${other} part=${cost(other) / most}
                  nameOf=${nameOf} />
              `
            )}
          </ol>
        `
        : null}
    </section>
  `;
}

interface BarProps {
  readonly route: Route;
  readonly part: number;
  readonly nameOf: (id: string) => string;
  readonly isChosen?: boolean;
  readonly isComplete?: boolean;
}

function Bar({ route, part, nameOf, isChosen = false, isComplete = true }: BarProps): unknown {
  const path = route.path.map(nameOf).join(isComplete ? " → " : " … ");
  return html`
    <li data-chosen=${isChosen}>
      <span class="path">${path}</span>
      <span class="cost">${costText(route)}</span>
      <span class="bar" aria-hidden="true"><i style=${{ width: `${100 * part}%` }}></i></span>
    </li>
  `;
}

/** Returns why messages take this route, as a sentence. */
export function why(
  { route, others, reason }: RouteExplanation,
  nameOf: (id: string) => string,
): string {
  if (!route) return "There is no route.";
  const isDirect = route.path.length === 2;
  const taken = isDirect ? "The direct link" : route.path.map(nameOf).join(" → ");
  const direct = others.find(({ path }) => path.length === 2);
  const [best] = others;
  switch (reason) {
    case "only":
      return `${taken}, ${costText(route)}. It is the only route that is known.`;
    case "changing":
      return `${taken}, ${costText(route)}; ${named(best!, nameOf)} takes ${
        costText(best!)
      } by now. ` +
        "Servers change a route when another one stays better.";
    case "cheapest":
    case "fewest": {
      const other = direct ?? best!;
      const verb = direct ? "takes" : "would take";
      return `${taken}, ${costText(route)}; ${named(other, nameOf)} ${verb} ${costText(other)}.`;
    }
  }
}

function named({ path }: Route, nameOf: (id: string) => string): string {
  return path.length === 2
    ? "the direct link"
    : `the way over ${path.slice(1, -1).map(nameOf).join(" and ")}`;
}

function cost({ costMs, path }: Route): number {
  return costMs ?? path.length - 1;
}

function costText(route: Route): string {
  return route.costMs === undefined
    ? plural(route.path.length - 1, "link")
    : milliseconds(route.costMs);
}
