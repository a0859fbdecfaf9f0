/**
 * The names of the policies, for whoever lists them without having one.
 *
 * @module
 */

/** The policies, by name. */
export const POLICY_NAMES = ["netlab", "once", "window", "home"] as const;

/** The name of a policy. */
export type PolicyName = typeof POLICY_NAMES[number];
