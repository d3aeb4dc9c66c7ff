"""The C text of `c_fixed`: $words are filled in."""

from __future__ import annotations

SUM = """
static inline $sum ${name}_sum(const $value *w, const $value *x, int n, $sum bias)
{
    for (int i = 0; i < n; ++i) bias += ($sum)w[i] * x[i];
    return bias;
}

/* sum * multiplier / 2^shift, rounded, within low ... high; no product exceeds 2^62 */
static inline int32_t ${name}_scaled($sum sum, int32_t multiplier, int shift, int32_t low,
                                     int32_t high)
{
    const int64_t half = (int64_t)1 << (shift - 1);
    const int64_t scaled = ((int64_t)sum * multiplier + half) >> shift;
    return scaled < low ? low : scaled > high ? high : (int32_t)scaled;
}
"""

TABLE = """
/* between two of 257 entries: 8 bits of the place count entries, 8 parts of them */
static inline int32_t ${name}_look_up(const int16_t *table, int32_t place)
{
    const int16_t *entry = table + (place >> 8);
    return entry[0] + ((((int32_t)entry[1] - entry[0]) * (place & 255) + 128) >> 8);
}
"""

SOFTMAX = """
/* limit * (2 p - 1) of the probabilities p */
static inline void ${name}_softmax(const int16_t *table, int32_t *z, int n, int32_t limit)
{
    int32_t largest = z[0];
    uint32_t total = 0;
    for (int j = 1; j < n; ++j)
        if (z[j] > largest) largest = z[j];
    for (int j = 0; j < n; ++j) {
        const int32_t distance = largest - z[j];
        const int halvings = distance < 0x100000 ? (int)(distance >> 16) : 16;
        const int32_t half = ((int32_t)1 << halvings) >> 1;
        z[j] = (${name}_look_up(table, distance & 65535) + half) >> halvings;
        total += (uint32_t)z[j];
    }
    for (int j = 0; j < n; ++j) {
        const uint32_t part = (uint32_t)z[j] * (uint32_t)(2 * limit);
        z[j] = (int32_t)((part + total / 2) / total) - limit;
    }
}
"""

BORDER = """
/* the nearest (in - shift) / step within -$limit ... $limit; NaN becomes -$limit */
static inline void ${name}_quantize(const float *in, $value *q)
{
    for (int i = 0; i < $inputs; ++i) {
        const float x = (in[i] - $in_shift) / $in_step;
        q[i] = ($value)(!(x > -$limit) ? -$limit : x >= $limit ? $limit
                                        : (int)(x < 0 ? x - 0.5f : x + 0.5f));
    }
}

static inline void ${name}_dequantize(const int16_t *q, float *out)
{
    for (int j = 0; j < $outputs; ++j) out[j] = $out_shift + $out_step * (float)q[j];
}
"""

PREDICT = """
/* no floating-point operation */
static inline void ${name}_predict_q(const $value *in, int16_t *out)
{
$statements}
"""

PREDICT_FLOAT = """
static inline void ${name}_predict(const float *in, float *out)
{
    $value q[$inputs];
    int16_t y[$outputs];
    ${name}_quantize(in, q);
    ${name}_predict_q(q, y);
    ${name}_dequantize(y, out);
}
"""

CLASS_FLOAT = """
static inline int ${name}_predict_class(const float *in)
{
    $value q[$inputs];
    ${name}_quantize(in, q);
    return ${name}_predict_class_q(q);
}
"""

SUM_OF_UNIT = "const $sum sum = ${name}_sum(${name}_W$k[j], $source, $n, ${name}_b$k[j]);"
# what the sum becomes; of softmax the z of a row first
FORMS = {
    "line": "${name}_scaled(sum, ${name}_m$k[j], $shift, -$limit, $limit)",
    "table": "${name}_look_up(${name}_t$k,\n"
    "            ${name}_scaled(sum, ${name}_m$k[j], $shift, -32768, 32767) + 32768)",
    "step": "(sum > 0 ? $limit : -$limit)",
    "softmax": "${name}_scaled(sum, ${name}_m$k[j], $shift, -$far, $far)",
}

EACH = """\
    for (int j = 0; j < $m; ++j) {
        $sum_of_unit
        $place[j] = ($type)$expression;
    }
"""

ROW = """\
    {
        int32_t z[$m];
        for (int j = 0; j < $m; ++j) {
            $sum_of_unit
            z[j] = $expression;
        }
        ${name}_softmax(${name}_t$k, z, $m, $limit);
        for (int j = 0; j < $m; ++j) $place[j] = ($type)z[j];
    }
"""

TEST = """\
$arrays
    int right = 0;
    for (int t = 0; t < $count; ++t) {
        $value q[$inputs];
        int16_t out[$outputs];
        int good = 1;
        ${name}_quantize(inputs[t], q);
        ${name}_predict_q(q, out);
        for (int j = 0; j < $outputs; ++j)
            if (out[j] != expected[t][j]) good = 0;
        right += good;
    }"""
