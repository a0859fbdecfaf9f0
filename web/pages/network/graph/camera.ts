/**
 * Which part of the drawing is in the window: all of it. Owns the scale. Does not know what is drawn.
 *
 * @module
 */
import { type Node, SERVER_RADIUS } from "./layout.ts";
import type { Point } from "./movements.ts";

/** The largest scale. */
const MAX_SCALE = 1.5;
/** The room at the edges: pixels. */
const EDGE = 14;
/** Up to so many servers are large enough for their names. */
const FEW = 12;
const LARGE_RADIUS = 15;
const SMALL_RADIUS = 6;
/** How much of the way the camera moves in a frame. */
const PACE = 0.12;

/** A window onto the drawing. */
export class Camera {
  /** The size of the window: pixels. */
  width = 0;
  height = 0;
  scale = 1;
  /** The place in the drawing that is in the middle of the window. */
  #x = 0;
  #y = 0;
  #isPlaced = false;
  #leastRadius = SMALL_RADIUS;
  #isMoving = false;

  /** The width of the window divided by its height. */
  get aspect(): number {
    return this.height === 0 ? 1 : this.width / this.height;
  }

  /** The radius of a server in the window: pixels. */
  get radius(): number {
    return Math.max(this.#leastRadius, SERVER_RADIUS * this.scale);
  }

  /** Whether the camera moves. */
  get isMoving(): boolean {
    return this.#isMoving;
  }

  /**
   * Moves so that all servers are in the window.
   *
   * @param isAtOnce Whether it is there at once.
   */
  follow(nodes: Iterable<Node>, isAtOnce: boolean): void {
    let count = 0;
    let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
    for (const { x, y, radius } of nodes) {
      count++;
      left = Math.min(left, x - radius);
      right = Math.max(right, x + radius);
      top = Math.min(top, y - radius);
      bottom = Math.max(bottom, y + radius);
    }
    if (left === Infinity || this.width === 0) return;
    this.#leastRadius = count <= FEW ? LARGE_RADIUS : SMALL_RADIUS;
    const scale = Math.min(
      MAX_SCALE,
      (this.width - 2 * EDGE) / (right - left),
      (this.height - 2 * EDGE) / (bottom - top),
    );
    const pace = this.#isPlaced && !isAtOnce ? PACE : 1;
    this.#isPlaced = true;
    const change = [
      scale - this.scale,
      (left + right) / 2 - this.#x,
      (top + bottom) / 2 - this.#y,
    ] as const;
    this.#isMoving = pace < 1 &&
      (Math.abs(change[0]) > 0.002 || Math.abs(change[1]) + Math.abs(change[2]) > 0.3);
    this.scale += change[0] * pace;
    this.#x += change[1] * pace;
    this.#y += change[2] * pace;
  }

  /** Returns where a place of the drawing is in the window: pixels. */
  toWindow({ x, y }: Point): Point {
    return {
      x: this.width / 2 + (x - this.#x) * this.scale,
      y: this.height / 2 + (y - this.#y) * this.scale,
    };
  }
}
