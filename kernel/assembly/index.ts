export { invert } from './invert';
export { multiply } from './multiply';
export { solveNormalEquations } from './normal-equations';
export { sparseGram } from './sparse-gram';
