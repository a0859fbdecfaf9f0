/** The text in bold print, when colours are on. */
export declare function bold(text: string): string;
/** The text in dim print, when colours are on. */
export declare function dim(text: string): string;
/** The text in red, when colours are on. */
export declare function red(text: string): string;
/** The text in green, when colours are on. */
export declare function green(text: string): string;
/** The text in yellow, when colours are on. */
export declare function yellow(text: string): string;
/** The text in cyan, when colours are on. */
export declare function cyan(text: string): string;
