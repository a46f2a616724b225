/* What the C host needs of a system: a library loaded by name, threads, a pause. Windows or POSIX. */

#ifndef PLATFORM_H
#define PLATFORM_H

#ifdef _WIN32

#include <windows.h>

typedef HMODULE library_t;
typedef HANDLE thread_t;

#define LOAD(name) LoadLibraryA(name)
#define SYMBOL(library, name) GetProcAddress(library, name)
#define UNLOAD(library) (FreeLibrary(library) != 0)
#define IS_LOADED(name) (GetModuleHandleA(name) != NULL)

#define THREAD(name) static DWORD WINAPI name(LPVOID argument)
#define THREAD_END 0
#define START(thread, function, argument) \
    ((*(thread) = CreateThread(NULL, 0, function, argument, 0, NULL)) != NULL)
#define JOIN(thread) WaitForSingleObject(thread, INFINITE)
#define PAUSE() Sleep(1)

#else

#include <dlfcn.h>
#include <pthread.h>
#include <time.h>

typedef void *library_t;
typedef pthread_t thread_t;

#define LOAD(name) dlopen(name, RTLD_NOW | RTLD_LOCAL)
#define SYMBOL(library, name) dlsym(library, name)
#define UNLOAD(library) (dlclose(library) == 0)
#define IS_LOADED(name) is_loaded(name)

static int is_loaded(const char *name) {
    void *again = dlopen(name, RTLD_NOW | RTLD_NOLOAD);
    /* Asking counts as loading. */
    return again && dlclose(again) == 0;
}

#define THREAD(name) static void *name(void *argument)
#define THREAD_END NULL
#define START(thread, function, argument) (pthread_create(thread, NULL, function, argument) == 0)
#define JOIN(thread) pthread_join(thread, NULL)
#define PAUSE() nanosleep(&(struct timespec){0, 1000000}, NULL)

#endif

#endif
