export declare function closestString(givenWord: string, possibleWords: readonly string[]): string;
export declare function levenshteinDistance(str1: string, str2: string): number;
