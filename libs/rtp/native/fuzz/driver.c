// Stands for libFuzzer where there is no clang: bytes by chance, for so many seconds. driver <seconds> <seed>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MOST_BYTES 65536

static uint64_t state;

// splitmix64.
static uint64_t chance(void) {
  uint64_t mixed = state += 0x9e3779b97f4a7c15;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
  return mixed ^ (mixed >> 31);
}

int main(int count, char **arguments) {
  static uint8_t bytes[MOST_BYTES];
  time_t until = time(NULL) + (count > 1 ? atoi(arguments[1]) : 60);
  uint64_t seed = count > 2 ? strtoull(arguments[2], NULL, 10) : 1, inputs = 0;
  for (; time(NULL) < until; seed++, inputs++) {
    state = seed;
    size_t size = 1 + chance() % MOST_BYTES;
    for (size_t i = 0; i < size; i++) bytes[i] = (uint8_t)chance();
    // What is seen of the last line says which seed made it.
    if (inputs % 1000 == 0) fprintf(stderr, "seed %llu\n", (unsigned long long)seed);
    LLVMFuzzerTestOneInput(bytes, size);
  }
  printf("%llu inputs, up to seed %llu\n", (unsigned long long)inputs, (unsigned long long)seed);
  return 0;
}
