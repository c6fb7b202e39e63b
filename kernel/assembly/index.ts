export { invert } from './invert';
export { multiply } from './multiply';
export { solveNormalEquations, solveSystems } from './normal-equations';
export { sparseGram } from './sparse-gram';
export { sparseProduct } from './sparse-product';
