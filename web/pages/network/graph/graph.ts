/**
 * The drawing of the network. Owns when it is drawn: as often as something moves, and not at all otherwise. Does not know
 * what servers and users look like.
 *
 * @module
 */
/// <reference lib="dom" />
import type { Network } from "../model/network.ts";
import type { Stop, Trace } from "../model/traces.ts";
import type { Watcher } from "../watch/watcher.ts";
import { Camera } from "./camera.ts";
import { Dots } from "./dots.ts";
import { Layout } from "./layout.ts";
import { Movements, type Place, type Point } from "./movements.ts";
import { paintLinks, paintNodes, type Scene } from "./painter.ts";
import { onPaletteChange, type Palette, palette } from "./palette.ts";

/** With more users in the network, or at one server, their names are not shown. */
const MAX_NAMED = 48;
const MAX_NAMED_AT_ONE = 12;
/** The room that the names of users need. */
const NAME_ROOM = 44;
/** More pixels than this are not drawn for one of the window. */
const MAX_PIXEL_RATIO = 2;
/** With more links, their times do not change the drawing. */
const MAX_TIMED = 100;
/** The length of the tail of a message, as a part of its way. */
const TAIL = 0.16;
/** How near the pointer must be: pixels. */
const NEAR = 9;

/** Remembers what was drawn. */
class Drawn {
  #what = "";

  /** Returns whether something else is to be drawn now. */
  isOutdated(what: string): boolean {
    if (what === this.#what) return false;
    this.#what = what;
    return true;
  }
}

/** The canvases. What moves is on one of its own, so that the rest is drawn rarely. */
export interface Canvases {
  readonly base: HTMLCanvasElement;
  readonly top: HTMLCanvasElement;
}

/** Draws a network. */
export class Graph {
  readonly #base: HTMLCanvasElement;
  /** The links alone. They are most of the work, and change less often than users. */
  readonly #links = document.createElement("canvas");
  readonly #top: HTMLCanvasElement;
  readonly #watcher: Watcher;
  readonly #layout = new Layout();
  readonly #dots = new Dots();
  readonly #camera = new Camera();
  readonly #movements = new Movements();
  readonly #still = matchMedia("(prefers-reduced-motion: reduce)");
  readonly #ends: (() => void)[] = [];
  #colours: Palette = palette();
  readonly #linksDrawn = new Drawn();
  readonly #nodesDrawn = new Drawn();
  /** Grows when everything must be drawn again. */
  #drawings = 0;
  /** Whether the network has changed. */
  #isOutdated = true;
  #frame = 0;

  /** Begins to draw. */
  constructor({ base, top }: Canvases, watcher: Watcher) {
    this.#base = base;
    this.#top = top;
    this.#watcher = watcher;
    const resized = new ResizeObserver(() => this.#resize());
    resized.observe(top);
    watcher.onTraces = (traces) => this.#show(traces);
    this.#ends.push(
      () => resized.disconnect(),
      () => watcher.onTraces = () => {},
      watcher.subscribe(() => this.#changed()),
      onPaletteChange(() => {
        this.#colours = palette();
        this.#drawings++;
        this.#changed();
      }),
    );
    top.addEventListener("pointermove", (event) => this.#hover(event));
    top.addEventListener("pointerleave", () => this.#hover(undefined));
    top.addEventListener("click", (event) => this.#click(event));
    this.#resize();
  }

  /** Ends drawing. */
  close(): void {
    cancelAnimationFrame(this.#frame);
    for (const end of this.#ends) end();
  }

  #show(traces: readonly Trace[]): void {
    if (this.#still.matches || document.hidden) return;
    this.#movements.add(traces, performance.now());
    this.#wake();
  }

  #changed(): void {
    this.#isOutdated = true;
    this.#wake();
  }

  #wake(): void {
    if (this.#frame === 0) this.#frame = requestAnimationFrame(this.#draw);
  }

  #resize(): void {
    const { clientWidth: width, clientHeight: height } = this.#top;
    const ratio = Math.min(devicePixelRatio, MAX_PIXEL_RATIO);
    for (const canvas of [this.#links, this.#base, this.#top]) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      const context = canvas.getContext("2d", { alpha: canvas !== this.#base })!;
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
    }
    Object.assign(this.#camera, { width, height });
    this.#drawings++;
    this.#changed();
  }

  readonly #draw = (now: number): void => {
    this.#frame = 0;
    const { network, selection } = this.#watcher;
    const isStill = this.#still.matches;
    if (this.#isOutdated) this.#follow();
    this.#isOutdated = false;
    const isMoving = this.#layout.isMoving || this.#camera.isMoving;
    const areUsersMoving = isMoving || this.#dots.isMoving;
    if (isStill) this.#layout.finish();
    else this.#layout.step();
    if (areUsersMoving || isStill) this.#dots.step(this.#layout, isStill);
    this.#camera.follow(this.#layout.nodes.values(), isStill);
    const scene: Scene = {
      network,
      selection,
      layout: this.#layout,
      dots: this.#dots,
      camera: this.#camera,
      colours: this.#colours,
      isNamingUsers: this.#isNamingUsers,
    };
    const view = this.#view();
    const areLinksOther = this.#linksDrawn.isOutdated(`${view} ${linksOf(network)}`);
    const areNodesOther = this.#nodesDrawn.isOutdated(`${view} ${nodesOf(network)}`);
    if (isMoving || areLinksOther) paintLinks(this.#links.getContext("2d")!, scene);
    if (areUsersMoving || areLinksOther || areNodesOther) {
      const canvas = this.#base.getContext("2d", { alpha: false })!;
      const { width, height } = this.#camera;
      canvas.fillStyle = this.#colours.surface;
      canvas.fillRect(0, 0, width, height);
      if (width > 0 && height > 0) canvas.drawImage(this.#links, 0, 0, width, height);
      paintNodes(canvas, scene);
    }
    this.#drawTop(now);
    if (
      this.#movements.isMoving || this.#layout.isMoving || this.#dots.isMoving ||
      this.#camera.isMoving
    ) this.#wake();
  };

  /** Returns what everything that is drawn depends on, as text. */
  #view(): string {
    const { selection: { from, to }, network: { shape } } = this.#watcher;
    const { width, height } = this.#camera;
    return [from, to, shape, width, height, this.#drawings].join();
  }

  #follow(): void {
    const { network } = this.#watcher;
    const { byServer } = network.users;
    const room = this.#isNamingUsers ? NAME_ROOM : 0;
    const radiusOf = (id: string) => {
      const count = byServer.get(id)?.length ?? 0;
      return Dots.radius(count) + (count > 0 ? room : 0);
    };
    this.#layout.update(network, radiusOf, this.#camera.aspect);
    this.#dots.update(network, this.#layout, this.#isNamingUsers);
  }

  get #isNamingUsers(): boolean {
    const { users } = this.#watcher.network;
    return users.size <= MAX_NAMED &&
      users.byServer.values().every(({ length }) => length <= MAX_NAMED_AT_ONE);
  }

  #drawTop(now: number): void {
    const canvas = this.#top.getContext("2d")!;
    const { width, height } = this.#camera;
    canvas.clearRect(0, 0, width, height);
    canvas.fillStyle = canvas.strokeStyle = this.#colours.message;
    canvas.lineCap = "round";
    for (const { from, to, part, count } of this.#movements.at(now, this.#placeOf)) {
      const size = Math.min(6.5, 3.5 + Math.log10(count));
      const at = pointOn(from, to, part);
      const tail = pointOn(from, to, Math.max(0, part - TAIL));
      canvas.globalAlpha = 0.35;
      canvas.lineWidth = size * 1.2;
      canvas.beginPath();
      canvas.moveTo(tail.x, tail.y);
      canvas.lineTo(at.x, at.y);
      canvas.stroke();
      canvas.globalAlpha = 1;
      canvas.beginPath();
      canvas.arc(at.x, at.y, size, 0, 7);
      canvas.fill();
    }
    canvas.globalAlpha = 1;
  }

  /** Returns where a user or a server is in the window. */
  readonly #placeOf = (stop: Stop): Place | undefined => {
    const isUser = "user" in stop;
    const place = isUser ? this.#dots.all.get(stop.user) : this.#layout.nodes.get(stop.server);
    const radius = isUser ? 0 : this.#camera.radius;
    return place && { ...this.#camera.toWindow(place), radius };
  };

  /** Returns what is at a place of the window. */
  #at({ offsetX, offsetY }: PointerEvent | MouseEvent): Stop | undefined {
    const isNear = (place: Point, distance: number) => {
      const { x, y } = this.#camera.toWindow(place);
      return Math.hypot(x - offsetX, y - offsetY) <= distance;
    };
    for (const node of this.#layout.nodes.values()) {
      if (isNear(node, this.#camera.radius + 4)) return { server: node.id };
    }
    for (const dot of this.#dots.all.values()) {
      if (isNear(dot, NEAR)) return { user: dot.name };
    }
    return undefined;
  }

  #hover(event: PointerEvent | undefined): void {
    const hovered = event && this.#at(event);
    this.#top.style.cursor = hovered && "server" in hovered ? "pointer" : "";
    const { network } = this.#watcher;
    this.#top.title = !hovered
      ? ""
      : "user" in hovered
      ? hovered.user
      : network.servers.get(hovered.server)?.address ?? "";
  }

  #click(event: MouseEvent): void {
    const found = this.#at(event);
    if (!found) return;
    const { selection, network } = this.#watcher;
    const server = "server" in found ? found.server : network.users.get(found.user)?.server;
    if (server !== undefined) selection.choose(server);
    this.#watcher.tell();
  }
}

/** Returns what the drawing of links depends on, as text. Of many, no times are shown. */
function linksOf({ links }: Network): string {
  return links.length > MAX_TIMED ? "" : links.map(({ rttMs }) => rttMs?.toFixed(2)).join();
}

/** Returns what the drawing of users and servers depends on, as text. */
function nodesOf({ users, servers, own }: Network): string {
  return `${users.version} ${own} ${servers.values().map(({ state }) => state).toArray().join()}`;
}

function pointOn(from: Point, to: Point, part: number): Point {
  return { x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part };
}
