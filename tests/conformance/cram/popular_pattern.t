  $ i=0; while [ $i -lt 300 ]; do echo same; echo $i; i=$((i+1)); done
  s* (glob)
  0
  s* (glob)
  1
  s* (glob)
  2
  s* (glob)
  3
  s* (glob)
  4
  s* (glob)
  5
  s* (glob)
  6
  s* (glob)
  7
  s* (glob)
  8
  s* (glob)
  9
  s* (glob)
  10
  s* (glob)
  11
  s* (glob)
  12
  s* (glob)
  13
  s* (glob)
  14
  s* (glob)
  15
  s* (glob)
  16
  s* (glob)
  17
  s* (glob)
  18
  s* (glob)
  19
  s* (glob)
  20
  s* (glob)
  21
  s* (glob)
  22
  s* (glob)
  23
  s* (glob)
  24
  s* (glob)
  25
  s* (glob)
  26
  s* (glob)
  27
  s* (glob)
  28
  s* (glob)
  29
  s* (glob)
  30
  s* (glob)
  31
  s* (glob)
  32
  s* (glob)
  33
  s* (glob)
  34
  s* (glob)
  35
  s* (glob)
  36
  s* (glob)
  37
  s* (glob)
  38
  s* (glob)
  39
  s* (glob)
  40
  s* (glob)
  41
  s* (glob)
  42
  s* (glob)
  43
  s* (glob)
  44
  s* (glob)
  45
  s* (glob)
  46
  s* (glob)
  47
  s* (glob)
  48
  s* (glob)
  49
  s* (glob)
  50
  s* (glob)
  51
  s* (glob)
  52
  s* (glob)
  53
  s* (glob)
  54
  s* (glob)
  55
  s* (glob)
  56
  s* (glob)
  57
  s* (glob)
  58
  s* (glob)
  59
  s* (glob)
  60
  s* (glob)
  61
  s* (glob)
  62
  s* (glob)
  63
  s* (glob)
  64
  s* (glob)
  65
  s* (glob)
  66
  s* (glob)
  67
  s* (glob)
  68
  s* (glob)
  69
  s* (glob)
  70
  s* (glob)
  71
  s* (glob)
  72
  s* (glob)
  73
  s* (glob)
  74
  s* (glob)
  75
  s* (glob)
  76
  s* (glob)
  77
  s* (glob)
  78
  s* (glob)
  79
  s* (glob)
  80
  s* (glob)
  81
  s* (glob)
  82
  s* (glob)
  83
  s* (glob)
  84
  s* (glob)
  85
  s* (glob)
  86
  s* (glob)
  87
  s* (glob)
  88
  s* (glob)
  89
  s* (glob)
  90
  s* (glob)
  91
  s* (glob)
  92
  s* (glob)
  93
  s* (glob)
  94
  s* (glob)
  95
  s* (glob)
  96
  s* (glob)
  97
  s* (glob)
  98
  s* (glob)
  99
  s* (glob)
  100
  s* (glob)
  101
  s* (glob)
  102
  s* (glob)
  103
  s* (glob)
  104
  s* (glob)
  105
  s* (glob)
  106
  s* (glob)
  107
  s* (glob)
  108
  s* (glob)
  109
  s* (glob)
  110
  s* (glob)
  111
  s* (glob)
  112
  s* (glob)
  113
  s* (glob)
  114
  s* (glob)
  115
  s* (glob)
  116
  s* (glob)
  117
  s* (glob)
  118
  s* (glob)
  119
  s* (glob)
  120
  s* (glob)
  121
  s* (glob)
  122
  s* (glob)
  123
  s* (glob)
  124
  s* (glob)
  125
  s* (glob)
  126
  s* (glob)
  127
  s* (glob)
  128
  s* (glob)
  129
  s* (glob)
  130
  s* (glob)
  131
  s* (glob)
  132
  s* (glob)
  133
  s* (glob)
  134
  s* (glob)
  135
  s* (glob)
  136
  s* (glob)
  137
  s* (glob)
  138
  s* (glob)
  139
  s* (glob)
  140
  s* (glob)
  141
  s* (glob)
  142
  s* (glob)
  143
  s* (glob)
  144
  s* (glob)
  145
  s* (glob)
  146
  s* (glob)
  147
  s* (glob)
  148
  s* (glob)
  149
  s* (glob)
  151
  s* (glob)
  152
  s* (glob)
  153
  s* (glob)
  154
  s* (glob)
  155
  s* (glob)
  156
  s* (glob)
  157
  s* (glob)
  158
  s* (glob)
  159
  s* (glob)
  160
  s* (glob)
  161
  s* (glob)
  162
  s* (glob)
  163
  s* (glob)
  164
  s* (glob)
  165
  s* (glob)
  166
  s* (glob)
  167
  s* (glob)
  168
  s* (glob)
  169
  s* (glob)
  170
  s* (glob)
  171
  s* (glob)
  172
  s* (glob)
  173
  s* (glob)
  174
  s* (glob)
  175
  s* (glob)
  176
  s* (glob)
  177
  s* (glob)
  178
  s* (glob)
  179
  s* (glob)
  180
  s* (glob)
  181
  s* (glob)
  182
  s* (glob)
  183
  s* (glob)
  184
  s* (glob)
  185
  s* (glob)
  186
  s* (glob)
  187
  s* (glob)
  188
  s* (glob)
  189
  s* (glob)
  190
  s* (glob)
  191
  s* (glob)
  192
  s* (glob)
  193
  s* (glob)
  194
  s* (glob)
  195
  s* (glob)
  196
  s* (glob)
  197
  s* (glob)
  198
  s* (glob)
  199
  s* (glob)
  200
  s* (glob)
  201
  s* (glob)
  202
  s* (glob)
  203
  s* (glob)
  204
  s* (glob)
  205
  s* (glob)
  206
  s* (glob)
  207
  s* (glob)
  208
  s* (glob)
  209
  s* (glob)
  210
  s* (glob)
  211
  s* (glob)
  212
  s* (glob)
  213
  s* (glob)
  214
  s* (glob)
  215
  s* (glob)
  216
  s* (glob)
  217
  s* (glob)
  218
  s* (glob)
  219
  s* (glob)
  220
  s* (glob)
  221
  s* (glob)
  222
  s* (glob)
  223
  s* (glob)
  224
  s* (glob)
  225
  s* (glob)
  226
  s* (glob)
  227
  s* (glob)
  228
  s* (glob)
  229
  s* (glob)
  230
  s* (glob)
  231
  s* (glob)
  232
  s* (glob)
  233
  s* (glob)
  234
  s* (glob)
  235
  s* (glob)
  236
  s* (glob)
  237
  s* (glob)
  238
  s* (glob)
  239
  s* (glob)
  240
  s* (glob)
  241
  s* (glob)
  242
  s* (glob)
  243
  s* (glob)
  244
  s* (glob)
  245
  s* (glob)
  246
  s* (glob)
  247
  s* (glob)
  248
  s* (glob)
  249
  s* (glob)
  250
  s* (glob)
  251
  s* (glob)
  252
  s* (glob)
  253
  s* (glob)
  254
  s* (glob)
  255
  s* (glob)
  256
  s* (glob)
  257
  s* (glob)
  258
  s* (glob)
  259
  s* (glob)
  260
  s* (glob)
  261
  s* (glob)
  262
  s* (glob)
  263
  s* (glob)
  264
  s* (glob)
  265
  s* (glob)
  266
  s* (glob)
  267
  s* (glob)
  268
  s* (glob)
  269
  s* (glob)
  270
  s* (glob)
  271
  s* (glob)
  272
  s* (glob)
  273
  s* (glob)
  274
  s* (glob)
  275
  s* (glob)
  276
  s* (glob)
  277
  s* (glob)
  278
  s* (glob)
  279
  s* (glob)
  280
  s* (glob)
  281
  s* (glob)
  282
  s* (glob)
  283
  s* (glob)
  284
  s* (glob)
  285
  s* (glob)
  286
  s* (glob)
  287
  s* (glob)
  288
  s* (glob)
  289
  s* (glob)
  290
  s* (glob)
  291
  s* (glob)
  292
  s* (glob)
  293
  s* (glob)
  294
  s* (glob)
  295
  s* (glob)
  296
  s* (glob)
  297
  s* (glob)
  298
  s* (glob)
  299
