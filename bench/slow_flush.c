/* Makes each flush to the disk cost two milliseconds more, as on a network volume: LD_PRELOAD of the server alone. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>

int fsync(int descriptor)
{
    usleep(2000);
    return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(descriptor);
}

int fdatasync(int descriptor)
{
    usleep(2000);
    return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(descriptor);
}
