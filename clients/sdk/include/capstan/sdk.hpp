// <capstan/sdk.hpp> is a device of Capstan in C++: publish, subscribe, survive.
#pragma once
#include <capstan/sdk/client.hpp>        // Client, Stream: a device and its streams
#include <capstan/sdk/history.hpp>       // what happened to one object
#include <capstan/sdk/http.hpp>          // one HTTP request, for what the sync protocol leaves out
#include <capstan/sdk/inquiry.hpp>       // which streams there are, and how far they have come
#include <capstan/sdk/model_stream.hpp>  // a stream as objects: mutate, observe, query, offline
#include <capstan/sdk/reader.hpp>        // a subscription that is pulled
#include <capstan/sdk/runtime.hpp>       // the thread that clients share
#include <capstan/sdk/server_url.hpp>    // where a server is
#include <capstan/sdk/store.hpp>         // what outlives the process
