/**
 * The ratios that the guard looks at, and how low they may be. Pure.
 *
 * A bound is some 60 % of the lowest that any machine has shown for a server that had not become slower,
 * because machines differ and are noisy: it is for the change that makes the server do half as much work
 * again, not for the last five per cent. Where echoing costs little beside looking things up, the ratios to
 * echoed bytes are less than half of what they are elsewhere.
 *
 * @module
 */

/** What was measured: messages for a second of CPU time. */
export interface Subject {
  /** Deliveries of bare text. */
  readonly bare: number;
  /** Deliveries in frames. */
  readonly framed: number;
  /** Pieces as long as a frame, that come back from a server that only echoes. */
  readonly echoed: number;
}

/** A ratio. */
export interface Ratio {
  /** What it is, for people. */
  readonly what: string;
  readonly of: (subject: Subject) => number;
  /** The lowest that is fine. */
  readonly bound: number;
}

/** All of them. */
export const RATIOS: readonly Ratio[] = [
  {
    what: "deliveries in frames over deliveries of bare text",
    of: ({ bare, framed }) => framed / bare,
    bound: 1.05,
  },
  {
    what: "deliveries of bare text over echoed bytes",
    of: ({ bare, echoed }) => bare / echoed,
    bound: 0.15,
  },
  {
    what: "routed bytes over echoed bytes",
    of: ({ framed, echoed }) => framed / echoed,
    bound: 0.28,
  },
];
