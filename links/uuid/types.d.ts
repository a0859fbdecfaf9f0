export declare function generate(timestamp?: number): string;
export declare function validate(id: string): boolean;
