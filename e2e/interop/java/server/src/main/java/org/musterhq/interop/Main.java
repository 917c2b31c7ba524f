package org.musterhq.interop;

import java.io.IOException;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.cloud.netflix.eureka.server.EnableEurekaServer;

/** The Eureka server as every tutorial has it. It ends when its standard input does. */
@SpringBootApplication
@EnableEurekaServer
public class Main {
    public static void main(String[] args) throws IOException {
        SpringApplication.run(Main.class, args);
        System.out.println("@ STARTED");
        while (System.in.read() >= 0) {
            // Nothing is said on it.
        }
        System.exit(1);
    }
}
