export declare function setColorEnabled(value: boolean): void;
export declare function getColorEnabled(): boolean;
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
/** The text in blue, when colours are on. */
export declare function blue(text: string): string;
/** The text in magenta, when colours are on. */
export declare function magenta(text: string): string;
/** The text in cyan, when colours are on. */
export declare function cyan(text: string): string;
export declare function stripAnsiCode(text: string): string;
