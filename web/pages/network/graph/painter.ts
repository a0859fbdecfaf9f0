/**
 * Draws links, users and servers. Owns what they look like. Does not know when they are drawn, and draws no messages.
 *
 * @module
 */
/// <reference lib="dom" />
import type { Network } from "../model/network.ts";
import type { Selection } from "../model/selection.ts";
import type { Server } from "../model/server.ts";
import { milliseconds } from "../views/figures.ts";
import type { Camera } from "./camera.ts";
import { type Dots, SHORT_NAME } from "./dots.ts";
import { fastest, type Layout, type Node } from "./layout.ts";
import type { Point } from "./movements.ts";
import type { Palette } from "./palette.ts";

/** With more links, only those of selected servers have labels. */
const MAX_LABELLED_LINKS = 24;
/** With more links, they are faint. */
const MANY_LINKS = 150;
/** With more links, only the fastest ones of each server are drawn, so many of each, and those of selected servers. */
const MAX_PLAIN_LINKS = 1_000;
const PLAIN_LINKS = 8;
/** A link is slow if it takes so many times as long as others, and longer than this: milliseconds. */
const SLOW_TIMES = 3;
const SLOW_MS = 5;
/** The largest letters of a name in its server: pixels. */
const MAX_NAME_POINTS = 15;
const FONT = "ui-sans-serif, system-ui, 'Segoe UI', Roboto, 'Noto Sans', sans-serif";

/** What is drawn. */
export interface Scene {
  readonly network: Network;
  readonly selection: Selection;
  readonly layout: Layout;
  readonly dots: Dots;
  readonly camera: Camera;
  readonly colours: Palette;
  /** Whether the names of users are shown. */
  readonly isNamingUsers: boolean;
}

/** Draws users and servers, above what is on the canvas. */
export function paintNodes(canvas: CanvasRenderingContext2D, scene: Scene): void {
  const { network } = scene;
  paintUsers(canvas, scene);
  for (const server of network.sorted) paintServer(canvas, scene, server);
}

/** Draws links. */
export function paintLinks(canvas: CanvasRenderingContext2D, scene: Scene): void {
  const { network: { links }, selection, layout, camera, colours } = scene;
  canvas.clearRect(0, 0, camera.width, camera.height);
  const plainLinks = new Set(links.length > MAX_PLAIN_LINKS ? fastest(links, PLAIN_LINKS) : links);
  const median = medianOf(links.flatMap(({ rttMs }) => rttMs ?? []));
  const isMany = links.length > MANY_LINKS;
  const route = routeOf(scene);
  const labels: { at: Point; text: string; isSlow: boolean; isRoute: boolean }[] = [];
  canvas.lineCap = "round";
  const plain = new Path2D();
  for (const link of links) {
    const { ends: [a, b], rttMs } = link;
    const from = layout.nodes.get(a);
    const to = layout.nodes.get(b);
    if (!from || !to) continue;
    const start = camera.toWindow(from);
    const end = camera.toWindow(to);
    const isSlow = rttMs !== undefined && rttMs > SLOW_MS && rttMs > median * SLOW_TIMES;
    const isRoute = route.has(`${a} ${b}`) || route.has(`${b} ${a}`);
    const isNear = selection.has(a) || selection.has(b);
    if (isRoute || (isSlow && !isMany) || (isNear && isMany)) {
      canvas.strokeStyle = isRoute
        ? colours.accent
        : isSlow
        ? colours.warn
        : colours["accent-text"];
      canvas.globalAlpha = isRoute ? 1 : isMany ? 0.35 : 0.8;
      canvas.lineWidth = isRoute ? 4 : isMany ? 1 : 2;
      line(canvas, start, end);
    } else if (plainLinks.has(link)) {
      plain.moveTo(start.x, start.y);
      plain.lineTo(end.x, end.y);
    }
    if (rttMs === undefined) continue;
    if (links.length > MAX_LABELLED_LINKS && !isRoute) continue;
    const at = { x: (start.x + end.x) / 2, y: (start.y + end.y) / 2 };
    labels.push({ at, text: milliseconds(rttMs), isSlow, isRoute });
  }
  canvas.strokeStyle = colours.link;
  canvas.globalAlpha = isMany ? Math.max(0.12, 0.9 - links.length / 800) : 1;
  canvas.lineWidth = isMany ? 1 : 2;
  canvas.stroke(plain);
  canvas.globalAlpha = 1;
  for (const { at, text, isSlow, isRoute } of labels) {
    const colour = isRoute ? colours["accent-text"] : isSlow ? colours.warn : colours.muted;
    pill(canvas, at, text, `600 11px ${FONT}`, colour, colours.surface);
  }
}

function paintUsers(canvas: CanvasRenderingContext2D, scene: Scene): void {
  const { dots, camera, colours, network, isNamingUsers, layout } = scene;
  const radius = Math.max(1.2, 3.6 * camera.scale);
  canvas.fillStyle = colours.user;
  for (const dot of dots.all.values()) {
    const { x, y } = camera.toWindow(dot);
    if (radius < 2.6) canvas.fillRect(x - radius, y - radius, 2 * radius, 2 * radius);
    else {
      canvas.beginPath();
      canvas.arc(x, y, radius, 0, 7);
      canvas.fill();
    }
  }
  if (!isNamingUsers) return;
  canvas.font = `500 12px ${FONT}`;
  canvas.strokeStyle = colours.surface;
  canvas.lineWidth = 4;
  canvas.lineJoin = "round";
  canvas.textBaseline = "middle";
  for (const { name, server, x, y } of dots.all.values()) {
    const node = layout.nodes.get(server);
    if (!node) continue;
    const at = camera.toWindow({ x, y });
    const side = (x - node.x) / Math.max(1, Math.hypot(x - node.x, y - node.y));
    const isBeside = Math.abs(side) > 0.35;
    const away = radius + 5;
    canvas.textAlign = !isBeside ? "center" : side > 0 ? "left" : "right";
    canvas.fillStyle = network.servers.get(server)?.isThere ? colours.text : colours.muted;
    const text = shortened(name);
    const left = at.x + (isBeside ? Math.sign(side) * away : 0);
    const top = at.y + (isBeside ? 0 : Math.sign(y - node.y) * (away + 6));
    canvas.strokeText(text, left, top);
    canvas.fillText(text, left, top);
  }
}

function paintServer(canvas: CanvasRenderingContext2D, scene: Scene, server: Server): void {
  const { network, selection, layout, camera, colours } = scene;
  const node = layout.nodes.get(server.id);
  if (!node) return;
  const { x, y } = camera.toWindow(node);
  const { radius } = camera;
  const isThere = server.isThere;
  const isSelected = selection.has(server.id);
  canvas.globalAlpha = isThere ? 1 : 0.55;
  if (isSelected) {
    circle(canvas, x, y, radius + 7);
    canvas.fillStyle = colours["accent-soft"];
    canvas.fill();
    canvas.strokeStyle = colours.accent;
    canvas.lineWidth = 2.5;
    canvas.stroke();
  } else if (server.id === network.own) {
    circle(canvas, x, y, radius + 4.5);
    canvas.strokeStyle = colours.server;
    canvas.lineWidth = 1.5;
    canvas.stroke();
  }
  circle(canvas, x, y, radius);
  canvas.fillStyle = isThere ? colours.server : colours["surface-2"];
  canvas.fill();
  canvas.lineWidth = 2.5;
  const ring = ringOf(server, colours);
  if (ring !== undefined) {
    canvas.strokeStyle = ring;
    canvas.setLineDash(isThere ? [] : [4, 4]);
    canvas.stroke();
    canvas.setLineDash([]);
  }
  canvas.globalAlpha = 1;
  paintName(canvas, scene, server, node);
}

function paintName(
  canvas: CanvasRenderingContext2D,
  { network, selection, camera, colours }: Scene,
  server: Server,
  node: Node,
): void {
  const name = network.nameOf(server.id);
  const { x, y } = camera.toWindow(node);
  const isInside = name.length <= SHORT_NAME && camera.radius > 12;
  if (isInside) {
    canvas.font = `700 10px ${FONT}`;
    const fitting = 10 * (2 * camera.radius - 8) / canvas.measureText(name).width;
    canvas.font = `700 ${Math.min(fitting, MAX_NAME_POINTS, camera.radius * 0.66)}px ${FONT}`;
    canvas.textAlign = "center";
    canvas.textBaseline = "middle";
    canvas.fillStyle = server.isThere ? colours["server-text"] : colours.muted;
    canvas.fillText(name, x, y + 0.5);
  }
  const state = {
    gone: "gone",
    left: "left",
    silent: "silent",
    old: "too old",
    draining: "leaving",
  };
  const word = state[server.state as keyof typeof state];
  const isShown = camera.scale > 0.5 || selection.has(server.id) || word !== undefined;
  if ((isInside && word === undefined) || !isShown) return;
  const text = isInside ? word! : word === undefined ? name : `${name} ${word}`;
  const isBad = server.state === "gone" || server.state === "silent";
  const colour = isBad ? colours.bad : word === undefined ? colours.text : colours.warn;
  const at = { x, y: y + camera.radius + 12 };
  pill(canvas, at, text, `600 11px ${FONT}`, colour, colours.surface);
}

function ringOf({ state }: Server, colours: Palette): string | undefined {
  switch (state) {
    case "gone":
    case "silent":
      return colours.bad;
    case "draining":
    case "left":
    case "old":
      return colours.warn;
    default:
      return undefined;
  }
}

/** Returns the links of the route between the selected servers, as text. */
function routeOf({ network, selection: { from, to } }: Scene): Set<string> {
  if (from === undefined || to === undefined) return new Set();
  const path = network.explain(from, to).route?.path ?? [];
  return new Set(path.slice(1).map((server, at) => `${path[at]} ${server}`));
}

function pill(
  canvas: CanvasRenderingContext2D,
  { x, y }: Point,
  text: string,
  font: string,
  colour: string,
  background: string,
): void {
  canvas.font = font;
  canvas.textAlign = "center";
  canvas.textBaseline = "middle";
  const width = canvas.measureText(text).width + 12;
  canvas.beginPath();
  canvas.roundRect(x - width / 2, y - 9, width, 18, 9);
  canvas.fillStyle = background;
  canvas.globalAlpha = 0.92;
  canvas.fill();
  canvas.globalAlpha = 1;
  canvas.fillStyle = colour;
  canvas.fillText(text, x, y + 0.5);
}

function circle(canvas: CanvasRenderingContext2D, x: number, y: number, radius: number): void {
  canvas.beginPath();
  canvas.arc(x, y, radius, 0, 2 * Math.PI);
}

function line(canvas: CanvasRenderingContext2D, from: Point, to: Point): void {
  canvas.beginPath();
  canvas.moveTo(from.x, from.y);
  canvas.lineTo(to.x, to.y);
  canvas.stroke();
}

/** Names have up to 255 bytes. */
function shortened(name: string): string {
  const letters = [...name];
  return letters.length > 14 ? `${letters.slice(0, 13).join("")}…` : name;
}

function medianOf(values: number[]): number {
  values.sort((a, b) => a - b);
  return values[values.length >> 1] ?? 0;
}
