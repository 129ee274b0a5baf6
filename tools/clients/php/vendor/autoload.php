<?php
// Stands for what Composer writes, with the Guzzle of the system.

declare(strict_types=1);

require 'GuzzleHttp/autoload.php';
spl_autoload_register(function (string $class): void {
    $path = strtr(substr($class, strlen('ProjectsClient')), '\\', '/');
    $file = dirname(__DIR__) . "/client/lib$path.php";
    if (is_file($file)) {
        require $file;
    }
});
