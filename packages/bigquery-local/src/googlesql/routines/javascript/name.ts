/** The call of a JavaScript function in the IR: its first argument is the definition, the others the function's own. */
export const JAVASCRIPT_CALL = '$javascript';
